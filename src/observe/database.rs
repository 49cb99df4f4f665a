//! Reads the primary's catalogs. Only rows that the spec names are read, and all of them in the database `postgres`, in which nobody
//! else can make anything: how many roles and databases there are, and what they are called, is other people's.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use crate::api::{PostgresClusterSpec, RoleOption};
use crate::engine::hba::{
    MONITOR_ROLE, POOLER_MONITOR_ROLE, POOLER_ROLE, REPLICATION_ROLE, REWIND_ROLE, SUPERUSER,
};
use crate::engine::paths;
use crate::pooler::{LOOKUP_SCHEMA, program};
use crate::secret::SecretText;
use crate::sql::Ways;
use crate::sql::session::{Error, Session};
use crate::upgrade::Report;

use super::archive::archive;
use super::catalogs::{
    AvailableSeen, Closed, DatabaseFacts, DatabaseSeen, LookupSeen, MadeAs, Misread, Right, RightSeen,
    RoleSeen,
};
use super::ended::ended;
use super::inside;
use super::logical::logical;
use super::server::{ServerCache, ServerKey};

/// The operator's own roles. The first is made with the cluster and is the one superuser.
pub const SYSTEM_ROLES: [&str; 6] =
    [SUPERUSER, REPLICATION_ROLE, REWIND_ROLE, MONITOR_ROLE, POOLER_MONITOR_ROLE, POOLER_ROLE];
/// Predefined roles whose members are as good as superusers, or read and write what others own.
const STRONG_ROLES: [&str; 5] = [
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_read_all_data",
    "pg_write_all_data",
];

/// Roles, with what matters of them. A verifier that PostgreSQL makes has 133 bytes, and who sets his own may make it as long as a
/// row can be: more than 512 bytes are of no use.
const ROLES: &str = "SELECT r.rolname::text, r.rolcanlogin, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls, \
    pg_catalog.left(r.rolpassword, 512), \
    EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_authid g ON g.oid = m.roleid \
        WHERE m.member = r.oid AND g.rolname = 'pg_monitor'), \
    EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s \
        WHERE s.setrole = r.oid AND s.setdatabase = 0 AND 'search_path=pg_catalog, pg_temp' = ANY (s.setconfig)) \
    FROM pg_catalog.pg_authid r WHERE r.rolname = ANY ($1::text[])";
/// Databases and their owners, rights on them, and whether anybody can connect; a template is one as well.
const DATABASES: &str = "SELECT d.datname::text, pg_catalog.textsend(pg_catalog.pg_get_userbyid(d.datdba)::text), \
    d.datacl IS NOT NULL, d.datallowconn, d.datconnlimit, d.oid, pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datlocprovider::text, \
    pg_catalog.textsend(CASE d.datlocprovider WHEN 'c' THEN d.datcollate::text \
        ELSE COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale', '') END), \
    d.datcollversion::text \
    FROM pg_catalog.pg_database d WHERE d.datname = ANY ($1::text[])";
/// What the server's libraries sort by now.
const ORDERS: &str = "SELECT d.datname::text, pg_catalog.pg_database_collation_actual_version(d.oid)::text \
    FROM pg_catalog.pg_database d WHERE d.datname = ANY ($1::text[])";
/// The function by which poolers look up logins: its body, and whether it is what it has to be beside that: of the superuser, with his rights
/// and a path of names that nobody else writes to, open to the pooler's role alone.
const LOOKUP: &str = "SELECT p.prosrc, p.prosecdef AND p.proowner = 10 AND p.provolatile = 's' AND p.pronargs = 1 \
        AND COALESCE(p.proconfig = ARRAY['search_path=pg_catalog, pg_temp'], false) \
        AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE') AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE') \
        AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a \
            WHERE a.grantee NOT IN (10, r.oid)) \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_catalog.pg_authid r ON r.rolname = $2::text::name \
    WHERE n.nspname = $1::text::name AND p.proname = 'pooler_login'";
/// Rights that the spec can't give. The bootstrap superuser has the number 10. Names are read as bytes: in a database of another
/// encoding a role may get one that is no UTF-8. What is more than a hundred at a time is seen once the first are gone.
const RIGHTS: &str = "SELECT pg_catalog.textsend(r.rolname::text), r.oid, 'superuser', NULL, NULL::pg_catalog.oid \
        FROM pg_catalog.pg_authid r WHERE r.rolsuper AND r.oid <> 10 \
    UNION ALL SELECT pg_catalog.textsend(r.rolname::text), r.oid, 'replication', NULL, NULL::pg_catalog.oid \
        FROM pg_catalog.pg_authid r WHERE r.rolreplication AND r.oid <> 10 AND r.rolname <> ALL ($1::text[]) \
    UNION ALL SELECT pg_catalog.textsend(r.rolname::text), r.oid, 'member', g.rolname::text, m.grantor \
        FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_authid r ON r.oid = m.member \
        JOIN pg_catalog.pg_authid g ON g.oid = m.roleid \
        WHERE g.rolname = ANY ($2::text[]) AND r.rolname <> ALL ($3::text[]) AND pg_catalog.left(r.rolname::text, 3) <> 'pg_' \
    LIMIT 100";
/// Extensions whose files the server has.
const AVAILABLE: &str = "SELECT v.name::text, v.relocatable, v.schema::text, COALESCE(v.requires, '{}')::text[], \
    ARRAY(SELECT a.version::text FROM pg_catalog.pg_available_extension_versions a WHERE a.name = e.name ORDER BY 1 LIMIT 50) \
    FROM pg_catalog.pg_available_extensions e JOIN pg_catalog.pg_available_extension_versions v \
    ON v.name = e.name AND v.version = e.default_version";

/// What the server does not take of its configuration. A setting that waits for a restart is none of it, though the view says so.
pub const MISREAD: &str = "SELECT COALESCE(f.name, ''), pg_catalog.left(COALESCE(f.setting, ''), 200), pg_catalog.left(f.error, 500) \
    FROM pg_catalog.pg_file_settings f WHERE f.error IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_settings s \
        WHERE pg_catalog.lower(s.name) = pg_catalog.lower(f.name) AND s.pending_restart) ORDER BY f.seqno LIMIT 20";

/// More than any report is long: each problem in it is cut where it is written.
const REPORT_BYTES: i64 = 1 << 20;
/// `datconnlimit` of a database that is half dropped.
const HALF_DROPPED: i32 = -2;

/// Reads the catalogs of the member `primary`. One session is open at a time.
///
/// # Errors
/// Those of the session. What can't be read in one database of the spec is told of that database, and hides no other.
pub async fn database(
    ways: &Ways,
    primary: &str,
    spec: &PostgresClusterSpec,
    server: ServerKey,
    cache: &ServerCache,
    upgrading: bool,
    restoring: bool,
) -> Result<DatabaseSeen, Error> {
    let session = ways.session(primary, "postgres").await?;
    cache.ask(&server, &session).await?;
    let mut seen = DatabaseSeen {
        roles: roles(&session, spec).await?,
        rights: rights(&session, spec).await?,
        failed: cache.failed(&server),
        misread: misread(&session).await?,
        logical: logical(&session).await?,
        lookup: if program(spec.pooler.kind).looks_up() { lookup(&session).await? } else { None },
        ..DatabaseSeen::default()
    };
    let mut numbers = BTreeMap::new();
    let names: Vec<&str> = spec.databases.iter().map(|database| database.name.as_str()).collect();
    for row in session.query_with(DATABASES, &[&names]).await? {
        let name: String = session.column(&row, 0)?;
        numbers.insert(name.clone(), session.column::<u32>(&row, 5)?);
        seen.databases.insert(name, facts(&session, &row)?);
    }
    orders(&session, &mut seen.databases).await;
    if spec.databases.iter().any(|database| !database.wanted_extensions().is_empty()) {
        seen.available = match cache.available(&server) {
            Some(known) => known,
            None => cache.note_available(&server, available(&session).await?),
        };
    }
    if spec.backup.archive.is_some() {
        seen.archive = archive(&session).await?;
    }
    if restoring {
        seen.ended = ended(&session).await?;
    }
    if upgrading {
        seen.upgrade.check = report(&session, "check").await?;
        seen.upgrade.finish = report(&session, "finish").await?;
    }
    drop(session);
    inside::look(ways, primary, spec, &server, cache, &numbers, &mut seen).await;
    Ok(seen)
}

/// What there is of the function by which poolers look up logins.
async fn lookup(session: &Session) -> Result<Option<LookupSeen>, Error> {
    let rows = session.query_with(LOOKUP, &[&LOOKUP_SCHEMA, &POOLER_ROLE]).await?;
    rows.first()
        .map(|row| Ok(LookupSeen { body: session.column(row, 0)?, guarded: session.column(row, 1)? }))
        .transpose()
}

/// Asks what text is sorted by, for all at once. Where that fails each is asked for itself, since an owner may have made his database anew
/// in a locale that the library can't open: he keeps himself from being looked at, and nobody else.
async fn orders(session: &Session, databases: &mut BTreeMap<String, DatabaseFacts>) {
    let names: Vec<String> = databases
        .iter()
        .filter(|(_, facts)| facts.made.order.is_some())
        .map(|(name, _)| name.clone())
        .collect();
    if names.is_empty() || order(session, &names, databases).await.is_ok() {
        return;
    }
    for name in names {
        if let Err(error) = order(session, std::slice::from_ref(&name), databases).await
            && let Some(facts) = databases.get_mut(&name)
        {
            facts.made.order_unread = Some(error.to_string());
        }
    }
}

/// Asks a member with another image what it sorts text by: it takes over once all have that image.
pub(super) async fn orders_on(ways: &Ways, pod: &str, found: &mut DatabaseSeen) {
    let names: Vec<&str> = found
        .databases
        .iter()
        .filter(|(_, facts)| facts.made.order.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    if names.is_empty() {
        return;
    }
    let asked = async {
        let session = ways.session(pod, "postgres").await?;
        let rows = session.query_with(ORDERS, &[&names]).await?;
        let versions =
            rows.iter().map(|row| Ok((session.column(row, 0)?, session.column::<Option<String>>(row, 1)?)));
        let versions = versions.collect::<Result<Vec<(String, Option<String>)>, Error>>()?;
        Ok::<_, Error>(versions.into_iter().filter_map(|(name, version)| Some((name, version?))).collect())
    };
    let asked = asked.await.map_err(|error| error.to_string());
    found.orders.insert(pod.to_owned(), asked);
}

async fn order(
    session: &Session,
    names: &[String],
    databases: &mut BTreeMap<String, DatabaseFacts>,
) -> Result<(), Error> {
    for row in session.query_with(ORDERS, &[&names]).await? {
        let name: String = session.column(&row, 0)?;
        let now = session.column(&row, 1)?;
        databases.entry(name).and_modify(|facts| facts.made.order_now = now);
    }
    Ok(())
}

async fn misread(session: &Session) -> Result<Vec<Misread>, Error> {
    let rows = session.query(MISREAD).await?;
    rows.iter()
        .map(|row| {
            let (name, value) = (session.column(row, 0)?, session.column(row, 1)?);
            Ok(Misread { name, value, error: session.column(row, 2)? })
        })
        .collect()
}

async fn roles(session: &Session, spec: &PostgresClusterSpec) -> Result<BTreeMap<String, RoleSeen>, Error> {
    let names: Vec<&str> =
        SYSTEM_ROLES.into_iter().chain(spec.users.iter().map(|user| user.name.as_str())).collect();
    let rows = session.query_with(ROLES, &[&names]).await?;
    rows.iter()
        .map(|row| {
            let role = RoleSeen {
                login: session.column(row, 1)?,
                create_db: session.column(row, 2)?,
                create_role: session.column(row, 3)?,
                replication: session.column(row, 4)?,
                bypass_rls: session.column(row, 5)?,
                verifier: session.column::<Option<String>>(row, 6)?.map(SecretText::new),
                monitors: session.column(row, 7)?,
                catalogs_first: session.column(row, 8)?,
            };
            Ok((session.column(row, 0)?, role))
        })
        .collect()
}

async fn rights(session: &Session, spec: &PostgresClusterSpec) -> Result<Vec<RightSeen>, Error> {
    let replicate = spec.users.iter().filter(|user| user.options.contains(&RoleOption::Replication));
    let replicate: Vec<&str> = replicate.map(|user| user.name.as_str()).chain([REPLICATION_ROLE]).collect();
    let closed: Vec<&str> = STRONG_ROLES.into_iter().chain(SYSTEM_ROLES).collect();
    let rows = session.query_with(RIGHTS, &[&replicate, &closed, &SYSTEM_ROLES.as_slice()]).await?;
    rows.iter()
        .map(|row| {
            let right = match session.column::<&str>(row, 2)? {
                "superuser" => Right::Superuser,
                "replication" => Right::Replication,
                _ => Right::Member { of: session.column(row, 3)?, grantor: session.column(row, 4)? },
            };
            Ok(RightSeen { role: name(session.column(row, 0)?), oid: session.column(row, 1)?, right })
        })
        .collect()
}

fn facts(session: &Session, row: &Row) -> Result<DatabaseFacts, Error> {
    let (admits, limit): (bool, i32) = (session.column(row, 3)?, session.column(row, 4)?);
    let closed = match (limit, admits) {
        (HALF_DROPPED, _) => Some(Closed::HalfDropped),
        (_, false) => Some(Closed::ByOwner),
        (_, true) => None,
    };
    Ok(DatabaseFacts {
        owner: name(session.column(row, 1)?),
        restricted: session.column(row, 2)?,
        closed,
        made: MadeAs {
            encoding: session.column(row, 6)?,
            provider: session.column(row, 7)?,
            locale: name(session.column(row, 8)?),
            order: session.column(row, 9)?,
            ..MadeAs::default()
        },
        ..DatabaseFacts::default()
    })
}

async fn available(session: &Session) -> Result<BTreeMap<String, AvailableSeen>, Error> {
    let rows = session.query(AVAILABLE).await?;
    rows.iter()
        .map(|row| {
            let extension = AvailableSeen {
                relocatable: session.column(row, 1)?,
                schema: session.column(row, 2)?,
                requires: session.column(row, 3)?,
                versions: session.column(row, 4)?,
            };
            Ok((session.column(row, 0)?, extension))
        })
        .collect()
}

/// A name that others gave. Of one that is no UTF-8, what is text.
fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A report of `upgrade-member`, a file of the member; the form of `pg_read_file` that every major has.
async fn report(session: &Session, name: &str) -> Result<Option<Report>, Error> {
    let file = format!("{}/upgrade/{name}.json", paths::DATA);
    let rows =
        session.query(&format!("SELECT pg_catalog.pg_read_file('{file}', 0, {REPORT_BYTES}, true)")).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text: Option<&str> = session.column(row, 0)?;
    Ok(text.and_then(Report::read))
}
