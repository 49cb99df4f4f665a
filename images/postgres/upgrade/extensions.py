"""Extensions of a database brought to their newest version, without their scripts meeting what others made.

A script runs as superuser with the extension's schema, and those of extensions that it needs, in its search path. Who makes objects
there, as the owner of a database does in public, lays one in its way. So the script runs in a schema that is made for it in the same
transaction, and the extension goes back afterwards. src/plan/access/extensions.rs does the same when one is created.
"""

import servers
import sessions

# Extensions that keep no data and have no way from one major's version to the next: their project says to make them anew.
REMADE = {"pgaudit"}
OWN = "stylobate_extension"

# Extensions with their schema, whether that is safe, whether they can be moved, what they need, and whether a newer version is there.
FOUND = (
    "SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', e.extname, 'schema', n.nspname, "
    f"'safe', n.nspname = 'pg_catalog' OR ({sessions.GUARDED}), 'movable', e.extrelocatable, "
    "'needs', COALESCE(v.requires, '{}'), 'old', a.default_version <> e.extversion) ORDER BY e.extname) "
    "FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
    "JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname "
    "LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version"
)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def update(version, database):
    """What could not be updated, in words."""
    found = {each["name"]: each for each in servers.asked(version, database, FOUND) or []}
    problems = []
    for each in found.values():
        if not each["old"]:
            continue
        statement, why = statements(each, found)
        by_hand = f"; to do by hand in database {database}: {work(each)}"
        if why:
            problems.append(why + by_hand)
            continue
        try:
            servers.query(version, database, statement)
        except servers.Failed as failed:
            problems.append(f"{failed}{by_hand}")
    return problems


def work(each):
    """The update itself."""
    name = quoted(each["name"])
    if each["name"] in REMADE:
        return f"DROP EXTENSION {name}; CREATE EXTENSION {name}"
    return f"ALTER EXTENSION {name} UPDATE"


def statements(each, found):
    """The update in one transaction, or why it can't be done."""
    unsafe = [each, *(found[name] for name in each["needs"] if name in found)]
    unsafe = [other for other in unsafe if not other["safe"]]
    for other in unsafe:
        if not other["movable"]:
            return None, (
                f"extension {each['name']} was not updated: {other['name']} is in schema {other['schema']} and can't be moved, and others "
                "than superusers can make objects there that its script would meet"
            )
    if not unsafe:
        return f"BEGIN; {work(each)}; COMMIT", None

    def move(other, schema):
        return f"ALTER EXTENSION {quoted(other['name'])} SET SCHEMA {quoted(schema)}"

    steps = ["BEGIN", f"CREATE SCHEMA {OWN}"]
    if each["name"] in REMADE:
        name = quoted(each["name"])
        steps += [f"DROP EXTENSION {name}", f"CREATE EXTENSION {name} SCHEMA {OWN}", move(each, each["schema"])]
    else:
        steps += [move(other, OWN) for other in unsafe]
        steps += [work(each)]
        steps += [move(other, other["schema"]) for other in unsafe]
    return "; ".join([*steps, f"DROP SCHEMA {OWN}", "COMMIT"]), None
