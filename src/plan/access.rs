//! Roles, databases and extensions: SQL for what differs from the spec.
//!
//! A password is compared by its SCRAM verifier, and set as a verifier, so that it never travels in SQL nor stands in a
//! server's log. Roles and databases that are no longer in the spec are left alone: dropping data is a person's step.

use std::collections::BTreeSet;

use postgres_protocol::escape::escape_identifier;

use crate::api::RoleOption;
use crate::build::user_password;
use crate::engine::hba::MONITOR_ROLE;
use crate::observe::{DatabaseSeen, Observed, RoleSeen};
use crate::secret::SecretText;
use crate::target::{DatabaseTarget, Target, UserTarget};

use super::step::{SqlTask, Statement, Step};

pub mod scram;

/// SQL steps for all that differs; empty while no primary answers.
pub fn statements(target: &Target, seen: &Observed) -> Vec<Step> {
    let (Some(database), Some(pod)) = (&seen.database, seen.primary()) else { return Vec::new() };
    let mut tasks = Vec::new();
    tasks.extend(monitor(database));
    let mut roles: BTreeSet<&str> = database.roles.keys().map(String::as_str).collect();
    for user in &target.users {
        if let Some(password) = user_password(&user.password, seen) {
            tasks.extend(role(user, &password, database.roles.get(&user.name)));
            roles.insert(&user.name);
        }
    }
    // An owner whose password is not generated yet has no role yet: its database comes with it, a round later.
    for wanted in target.databases.iter().filter(|wanted| roles.contains(wanted.owner.as_str())) {
        tasks.extend(databases(wanted, database));
    }
    tasks.into_iter().map(|task| Step::Sql { pod: pod.to_owned(), task }).collect()
}

fn task(database: &str, summary: String, statements: Vec<String>) -> SqlTask {
    let statements = statements.into_iter().map(Statement::plain).collect();
    SqlTask { database: database.to_owned(), summary, statements }
}

fn monitor(seen: &DatabaseSeen) -> Option<SqlTask> {
    let live = seen.roles.get(MONITOR_ROLE);
    if live.is_some_and(|role| role.login && role.member_of.iter().any(|name| name == "pg_monitor")) {
        return None;
    }
    let mut statements = Vec::new();
    if live.is_none() {
        statements.push(format!("CREATE ROLE {MONITOR_ROLE} LOGIN"));
    }
    statements.push(format!("ALTER ROLE {MONITOR_ROLE} LOGIN"));
    statements.push(format!("GRANT pg_monitor TO {MONITOR_ROLE}"));
    Some(task("postgres", format!("keep role {MONITOR_ROLE} of the metrics exporter"), statements))
}

fn role(user: &UserTarget, password: &SecretText, live: Option<&RoleSeen>) -> Option<SqlTask> {
    let name = escape_identifier(&user.name);
    let has = |option| user.options.contains(&option);
    let wanted = [
        ("LOGIN", true, live.is_some_and(|role| role.login)),
        ("CREATEDB", has(RoleOption::CreateDb), live.is_some_and(|role| role.create_db)),
        ("CREATEROLE", has(RoleOption::CreateRole), live.is_some_and(|role| role.create_role)),
        ("REPLICATION", has(RoleOption::Replication), live.is_some_and(|role| role.replication)),
        ("BYPASSRLS", has(RoleOption::BypassRls), live.is_some_and(|role| role.bypass_rls)),
    ];
    let verifier = live.and_then(|role| role.verifier.as_ref());
    let known = verifier.is_some_and(|verifier| scram::matches(verifier.expose(), password.expose()));
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
        (false, _) => format!("create user {}", user.name),
        (true, false) => format!("set the password of user {}", user.name),
        (true, true) => format!("set {} of user {}", differing.join(" "), user.name),
    };
    let statement = Statement {
        text: [format!("{verb} ROLE {name}")].into_iter().chain(differing).collect::<Vec<_>>().join(" "),
        password: (!known).then(|| password.clone()),
    };
    Some(SqlTask { database: "postgres".to_owned(), summary: what, statements: vec![statement] })
}

fn databases(wanted: &DatabaseTarget, seen: &DatabaseSeen) -> Vec<SqlTask> {
    let name = escape_identifier(&wanted.name);
    let owner = escape_identifier(&wanted.owner);
    let live = seen.databases.get(&wanted.name);
    let mut tasks = Vec::new();
    let close = format!("REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC");
    match live {
        None => tasks.push(task(
            "postgres",
            format!("create database {}", wanted.name),
            vec![format!("CREATE DATABASE {name} OWNER {owner}"), close.clone()],
        )),
        Some(live) if live.owner != wanted.owner => tasks.push(task(
            "postgres",
            format!("make {} the owner of database {}", wanted.owner, wanted.name),
            vec![format!("ALTER DATABASE {name} OWNER TO {owner}")],
        )),
        Some(_) => {}
    }
    // CREATE DATABASE runs in no transaction, so a crash may come between it and the REVOKE. Rights that somebody set
    // later are left alone.
    if live.is_some_and(|live| !live.restricted) {
        let what = format!("close database {} to roles that were granted nothing", wanted.name);
        tasks.push(task("postgres", what, vec![close]));
    }
    let present = live.map(|live| live.extensions.as_slice()).unwrap_or_default();
    let missing: Vec<&String> =
        wanted.extensions.iter().filter(|extension| !present.contains(extension)).collect();
    for extension in missing {
        tasks.push(task(
            &wanted.name,
            format!("create extension {extension} in database {}", wanted.name),
            vec![format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", escape_identifier(extension))],
        ));
    }
    tasks
}
