//! Roles as the spec says.
//!
//! A password is compared by its SCRAM verifier, and set as a verifier, so that it never travels in SQL nor stands in a
//! server's log.

use postgres_protocol::escape::escape_identifier;

use crate::api::RoleOption;
use crate::engine::hba::MONITOR_ROLE;
use crate::observe::{DatabaseSeen, RoleSeen};
use crate::secret::SecretText;

use super::super::step::{SqlTask, Statement};
use super::{scram, task};

/// The exporter's role. Its sessions look up names in the catalogs alone, whatever others put beside them.
pub(super) fn monitor(seen: &DatabaseSeen) -> Option<SqlTask> {
    let live = seen.roles.get(MONITOR_ROLE);
    if live.is_some_and(|role| role.login && role.monitors && role.catalogs_first) {
        return None;
    }
    let mut statements = Vec::new();
    if live.is_none() {
        statements.push(format!("CREATE ROLE {MONITOR_ROLE} LOGIN"));
    }
    statements.push(format!("ALTER ROLE {MONITOR_ROLE} LOGIN"));
    statements.push(format!("GRANT pg_monitor TO {MONITOR_ROLE}"));
    statements.push(format!("ALTER ROLE {MONITOR_ROLE} SET search_path = pg_catalog, pg_temp"));
    Some(task("postgres", format!("keep role {MONITOR_ROLE} of the metrics exporter"), statements))
}

/// A login with these options and no others.
pub(super) fn role(
    user: &str,
    options: &[RoleOption],
    password: &SecretText,
    live: Option<&RoleSeen>,
) -> Option<SqlTask> {
    let name = escape_identifier(user);
    let has = |option| options.contains(&option);
    let wanted = [
        ("LOGIN", true, live.is_some_and(|role| role.login)),
        ("CREATEDB", has(RoleOption::CreateDb), live.is_some_and(|role| role.create_db)),
        ("CREATEROLE", has(RoleOption::CreateRole), live.is_some_and(|role| role.create_role)),
        ("REPLICATION", has(RoleOption::Replication), live.is_some_and(|role| role.replication)),
        ("BYPASSRLS", has(RoleOption::BypassRls), live.is_some_and(|role| role.bypass_rls)),
    ];
    let verifier = live.and_then(|role| role.verifier.as_ref());
    let known = verifier.is_some_and(|verifier| scram::matches(verifier, password));
    let differing: Vec<String> = wanted
        .iter()
        .filter(|(_, wanted, live)| wanted != live)
        .map(|(option, wanted, _)| if *wanted { (*option).to_owned() } else { format!("NO{option}") })
        .collect();
    if live.is_some() && known && differing.is_empty() {
        return None;
    }
    let verb = if live.is_some() { "ALTER" } else { "CREATE" };
    let what = match (live.is_some(), known) {
        (false, _) => format!("create user {user}"),
        (true, false) => format!(
            "set the password of user {user} to that of its Secret, where it is changed (one set by SQL does not last)"
        ),
        (true, true) => format!("set {} of user {user}", differing.join(" ")),
    };
    let statement = Statement {
        text: [format!("{verb} ROLE {name}")].into_iter().chain(differing).collect::<Vec<_>>().join(" "),
        password: (!known).then(|| password.clone()),
    };
    Some(SqlTask { database: "postgres".to_owned(), summary: what, statements: vec![statement] })
}
