//! Extensions, made by a superuser in a database that is somebody else's.
//!
//! The script of an extension runs with the schema that it goes to, and those of extensions that it needs, in its search path. Who
//! may make objects there lays a function or an operator in its way, and the script calls it as superuser (the kind of
//! CVE-2022-2625). So the script runs in a schema that is made for it in the same transaction, in which nobody else can have
//! anything, and the extension is moved out afterwards. `docs/decisions/0025-hostile-databases.md` has what else was thought of.

use std::collections::BTreeMap;

use postgres_protocol::escape::{escape_identifier, escape_literal};

use crate::observe::{AvailableSeen, Contents, EXTENSIONS_SCHEMA};
use crate::target::DatabaseTarget;

use super::{Access, Trouble, task};

/// Schema that is there for the time of one transaction. Where one of that name is there already, its owner keeps the extension away
/// from himself.
const OWN: &str = "stylobate_extension";
/// Schema in which nobody makes anything.
const CATALOG: &str = "pg_catalog";

/// SQL for the extensions that are wanted and not there, each a transaction of its own.
pub(super) fn missing(
    wanted: &DatabaseTarget,
    contents: &Contents,
    available: &BTreeMap<String, AvailableSeen>,
) -> Access {
    let mut found = Access::default();
    let lacking = |name: &&String| !contents.extensions.contains_key(*name);
    for name in wanted.extensions.iter().filter(lacking) {
        let mut needs = Needs::default();
        needs.add(name, contents, available);
        // What another one needs is made first, and what needs it a round later.
        if needs.made.iter().any(|needed| needed != name && wanted.extensions.contains(needed)) {
            continue;
        }
        let what = format!("create extension {name} in database {}", wanted.name);
        match statements(&needs, wanted, contents, available) {
            Ok(statements) => found.tasks.push(task(&wanted.name, what, statements)),
            Err(why) => found.troubles.push(Trouble { what: format!("can't {what}"), why }),
        }
    }
    found
}

/// What the creation of one extension takes, what is needed first.
#[derive(Default)]
struct Needs {
    made: Vec<String>,
    used: Vec<String>,
}

impl Needs {
    fn add(&mut self, name: &str, contents: &Contents, available: &BTreeMap<String, AvailableSeen>) {
        let list = if contents.extensions.contains_key(name) { &self.used } else { &self.made };
        if list.iter().any(|known| known == name) {
            return;
        }
        if contents.extensions.contains_key(name) {
            self.used.push(name.to_owned());
            return;
        }
        // Its place is kept before its needs are looked at, so that a ring of them comes to an end.
        self.made.push(name.to_owned());
        for needed in available.get(name).map(|extension| extension.requires.as_slice()).unwrap_or_default() {
            self.add(needed, contents, available);
        }
        self.made.retain(|known| known != name);
        self.made.push(name.to_owned());
    }
}

fn statements(
    needs: &Needs,
    wanted: &DatabaseTarget,
    contents: &Contents,
    available: &BTreeMap<String, AvailableSeen>,
) -> Result<Vec<String>, String> {
    let relocatable = |name: &String| available.get(name).is_none_or(|extension| extension.relocatable);
    let safe = |schema: &str| schema == CATALOG || contents.schemas.get(schema).copied().unwrap_or(false);
    let mut aside: Vec<(&String, &String)> = Vec::new();
    for name in &needs.used {
        let schema = &contents.extensions[name];
        if safe(schema) {
            continue;
        }
        if !relocatable(name) {
            return Err(format!(
                "it needs extension {name}, which is in schema {schema} and can't be moved, and others than superusers can make \
                 objects there that its script would meet: create it by hand, or DROP EXTENSION {} CASCADE",
                escape_identifier(name)
            ));
        }
        aside.push((name, schema));
    }
    let moved: Vec<&String> = needs.made.iter().filter(|name| relocatable(name)).collect();
    let goes_to = |name: &str| {
        wanted.options_of(name).and_then(|options| options.schema.as_deref()).unwrap_or(EXTENSIONS_SCHEMA)
    };
    if moved.iter().any(|name| goes_to(name) == EXTENSIONS_SCHEMA)
        && !contents.schemas.contains_key(EXTENSIONS_SCHEMA)
    {
        return Err(format!(
            "the database has no schema {EXTENSIONS_SCHEMA}, to which extensions go: CREATE SCHEMA {EXTENSIONS_SCHEMA}, or take the \
             extension out of spec.databases[].extensions and create it where you want it"
        ));
    }
    let set = |name: &str, schema: &str| {
        format!("ALTER EXTENSION {} SET SCHEMA {}", escape_identifier(name), escape_identifier(schema))
    };
    let mut all = vec!["BEGIN".to_owned(), format!("CREATE SCHEMA {OWN}")];
    all.extend(aside.iter().map(|(name, _)| set(name, OWN)));
    for name in &needs.made {
        all.extend(created(name, wanted, available.get(name), contents)?);
    }
    let mut schemas: Vec<&str> = moved.iter().map(|name| goes_to(name)).collect();
    schemas.sort_unstable();
    schemas.dedup();
    for schema in schemas.into_iter().filter(|schema| *schema != EXTENSIONS_SCHEMA) {
        all.extend(made_schema(schema, contents));
    }
    all.extend(moved.iter().map(|name| set(name, goes_to(name))));
    all.extend(aside.iter().map(|(name, schema)| set(name, schema)));
    all.extend([format!("DROP SCHEMA {OWN}"), "COMMIT".to_owned()]);
    Ok(all)
}

/// One extension: in the schema of this transaction, in the catalogs, or in a schema of its own that nobody else has.
fn created(
    name: &str,
    wanted: &DatabaseTarget,
    extension: Option<&AvailableSeen>,
    contents: &Contents,
) -> Result<Vec<String>, String> {
    let options = wanted.options_of(name);
    let version = options.and_then(|options| options.version.as_deref());
    let version = version.map(|version| format!(" VERSION {}", escape_literal(version))).unwrap_or_default();
    let create = |schema: &str| {
        format!("CREATE EXTENSION {} SCHEMA {}{version}", escape_identifier(name), escape_identifier(schema))
    };
    let Some(extension) = extension.filter(|extension| !extension.relocatable) else {
        return Ok(vec![create(OWN)]);
    };
    let chosen = options.and_then(|options| options.schema.as_deref());
    if let (Some(own), Some(chosen)) = (extension.schema.as_deref(), chosen)
        && own != chosen
    {
        return Err(format!(
            "it can be in schema {own} alone: write that into extensionOptions[].schema, or remove it"
        ));
    }
    let schema = extension.schema.as_deref().or(chosen).unwrap_or(name);
    if schema == CATALOG {
        return Ok(vec![create(CATALOG)]);
    }
    match contents.schemas.get(schema) {
        Some(true) => Ok(vec![create(schema)]),
        Some(false) => Err(format!(
            "it can't be moved and goes to schema {schema}, in which others than superusers can make objects that its script \
             would meet: let that schema have another name (ALTER SCHEMA {} RENAME TO ...), or create the extension by hand",
            escape_identifier(schema)
        )),
        None => {
            let [schema_made, granted] = new_schema(schema);
            Ok(vec![schema_made, create(schema), granted])
        }
    }
}

/// A schema that is the operator's, where one is asked for that is not there. Another extension of the same round may have made it meanwhile, or
/// its owner: nothing runs in it, extensions are only moved there.
fn made_schema(schema: &str, contents: &Contents) -> Vec<String> {
    if schema == CATALOG || contents.schemas.contains_key(schema) {
        Vec::new()
    } else {
        let [_, granted] = new_schema(schema);
        vec![format!("CREATE SCHEMA IF NOT EXISTS {}", escape_identifier(schema)), granted]
    }
}

fn new_schema(schema: &str) -> [String; 2] {
    let own = escape_identifier(schema);
    [format!("CREATE SCHEMA {own}"), format!("GRANT USAGE ON SCHEMA {own} TO PUBLIC")]
}

/// SQL for extensions that are there, and not where or as the spec says. The script of an update meets what that of a creation does.
pub(super) fn changed(
    wanted: &DatabaseTarget,
    contents: &Contents,
    available: &BTreeMap<String, AvailableSeen>,
) -> Access {
    let mut found = Access::default();
    for options in &wanted.options {
        let name = &options.name;
        let (Some(schema), Some(version)) = (contents.extensions.get(name), contents.versions.get(name))
        else {
            continue;
        };
        let to = options.schema.as_ref().filter(|to| *to != schema);
        let update = options.version.as_ref().filter(|to| *to != version);
        if to.is_none() && update.is_none() {
            continue;
        }
        let what = match (update, to) {
            (Some(update), _) => {
                format!("bring extension {name} in database {} to version {update}", wanted.name)
            }
            (None, to) => format!(
                "move extension {name} in database {} to schema {}",
                wanted.name,
                to.unwrap_or(schema)
            ),
        };
        match change(name, to.unwrap_or(schema), update, contents, available) {
            Ok(statements) => found.tasks.push(task(&wanted.name, what, statements)),
            Err(why) => found.troubles.push(Trouble { what: format!("can't {what}"), why }),
        }
    }
    found
}

fn change(
    name: &str,
    to: &str,
    update: Option<&String>,
    contents: &Contents,
    available: &BTreeMap<String, AvailableSeen>,
) -> Result<Vec<String>, String> {
    let known = available.get(name);
    let relocatable = |name: &str| available.get(name).is_none_or(|extension| extension.relocatable);
    let safe = |schema: &str| schema == CATALOG || contents.schemas.get(schema).copied().unwrap_or(false);
    let schema_of = |name: &str| contents.extensions.get(name).map(String::as_str).unwrap_or_default();
    let set = |name: &str, schema: &str| {
        format!("ALTER EXTENSION {} SET SCHEMA {}", escape_identifier(name), escape_identifier(schema))
    };
    if to != schema_of(name) && !relocatable(name) {
        return Err(format!(
            "it is in schema {} and can't be moved: write that into extensionOptions[].schema",
            schema_of(name)
        ));
    }
    let mut all = vec!["BEGIN".to_owned()];
    let mut back = Vec::new();
    if let Some(version) = update {
        let needs = known.map(|extension| extension.requires.as_slice()).unwrap_or_default();
        let met = std::iter::once(name)
            .chain(needs.iter().map(String::as_str))
            .filter(|name| !safe(schema_of(name)));
        let met: Vec<&str> = met.filter(|name| contents.extensions.contains_key(*name)).collect();
        if let Some(fixed) = met.iter().find(|name| !relocatable(name)) {
            return Err(format!(
                "extension {fixed} is in schema {} and can't be moved, and others than superusers can make objects there that the script would \
                 meet: bring it there by hand",
                schema_of(fixed)
            ));
        }
        all.extend((!met.is_empty()).then(|| format!("CREATE SCHEMA {OWN}")));
        all.extend(met.iter().map(|name| set(name, OWN)));
        all.push(format!(
            "ALTER EXTENSION {} UPDATE TO {}",
            escape_identifier(name),
            escape_literal(version)
        ));
        back.extend(
            met.iter()
                .filter(|met| **met != name || to == schema_of(name))
                .map(|met| set(met, schema_of(met))),
        );
        back.extend((to != schema_of(name)).then(|| set(name, to)));
        back.extend((!met.is_empty()).then(|| format!("DROP SCHEMA {OWN}")));
    } else {
        back.push(set(name, to));
    }
    if to != schema_of(name) {
        all.extend(made_schema(to, contents));
    }
    all.extend(back);
    all.push("COMMIT".into());
    Ok(all)
}
