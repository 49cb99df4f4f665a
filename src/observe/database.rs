//! The primary's catalogs: roles, databases and extensions.

use crate::api::PostgresClusterSpec;
use crate::engine::paths;
use crate::secret::SecretText;
use crate::sql::session::{Error, Session};
use crate::upgrade::Report;

use super::archive::archive;
use super::facts::{DatabaseFacts, DatabaseSeen, RoleSeen};
use super::read::Links;
use super::server::{ServerCache, ServerKey};

/// Roles that may matter, with what they are members of.
const ROLES: &str = "SELECT r.rolname::text, r.rolcanlogin, r.rolcreatedb, r.rolcreaterole, r.rolreplication, \
    r.rolbypassrls, r.rolpassword, \
    ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) \
    FROM pg_authid r WHERE r.rolname !~ '^pg_' ORDER BY 1";
/// Databases, their owners, and whether rights on them were ever set.
const DATABASES: &str = "SELECT datname::text, pg_get_userbyid(datdba)::text, datacl IS NOT NULL \
    FROM pg_database WHERE NOT datistemplate";
/// Extensions whose files the server has.
const AVAILABLE: &str = "SELECT name::text FROM pg_available_extensions ORDER BY 1";
/// Extensions of one database.
const EXTENSIONS: &str = "SELECT extname::text FROM pg_extension ORDER BY 1";

/// More than any report is long: each problem in it is cut where it is written.
const REPORT_BYTES: i64 = 1 << 20;

/// Reads the catalogs of the member `primary`.
///
/// # Errors
/// Those of the session.
pub async fn database(
    links: &Links,
    primary: &str,
    spec: &PostgresClusterSpec,
    server: ServerKey,
    cache: &ServerCache,
    upgrading: bool,
) -> Result<DatabaseSeen, Error> {
    let wanted = &spec.databases;
    let session = links.session(primary, "postgres").await?;
    cache.ask(server, &session).await?;
    let mut seen = DatabaseSeen::default();
    for row in session.query(ROLES).await? {
        let role = RoleSeen {
            login: row.get(1),
            create_db: row.get(2),
            create_role: row.get(3),
            replication: row.get(4),
            bypass_rls: row.get(5),
            verifier: row.get::<_, Option<String>>(6).map(SecretText::new),
            member_of: row.get(7),
        };
        seen.roles.insert(row.get(0), role);
    }
    for row in session.query(DATABASES).await? {
        let facts = DatabaseFacts { owner: row.get(1), restricted: row.get(2), extensions: Vec::new() };
        seen.databases.insert(row.get(0), facts);
    }
    if wanted.iter().any(|database| !database.extensions.is_empty()) {
        seen.available = session.query(AVAILABLE).await?.iter().map(|row| row.get(0)).collect();
    }
    for database in wanted.iter().filter(|database| !database.extensions.is_empty()) {
        if let Some(facts) = seen.databases.get_mut(&database.name) {
            let session: Session = links.session(primary, &database.name).await?;
            facts.extensions = session.query(EXTENSIONS).await?.iter().map(|row| row.get(0)).collect();
        }
    }
    if spec.backup.archive.is_some() {
        seen.archive = archive(&session).await?;
    }
    if upgrading {
        seen.upgrade.check = report(&session, "check").await?;
        seen.upgrade.finish = report(&session, "finish").await?;
    }
    Ok(seen)
}

/// A report of `upgrade-member`, a file of the member; the form of `pg_read_file` that every major has.
async fn report(session: &Session, name: &str) -> Result<Option<Report>, Error> {
    let file = format!("{}/upgrade/{name}.json", paths::DATA);
    let rows = session.query(&format!("SELECT pg_read_file('{file}', 0, {REPORT_BYTES}, true)")).await?;
    let text = rows.first().and_then(|row| row.get::<_, Option<String>>(0));
    Ok(text.and_then(|text| Report::read(&text)))
}
