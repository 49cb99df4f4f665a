//! Roles, databases and extensions: SQL for what differs from the spec.
//!
//! A password is compared by its SCRAM verifier, and set as a verifier, so that it never travels in SQL nor stands in a
//! server's log. Roles and databases that are no longer in the spec are left alone: dropping data is a person's step.

use std::collections::BTreeSet;

use postgres_protocol::escape::escape_identifier;

use crate::api::RoleOption;
use crate::build::{pooler_monitor_password, user_password};
use crate::engine::hba::{MONITOR_ROLE, POOLER_MONITOR_ROLE};
use crate::observe::{DatabaseSeen, Observed, RoleSeen};
use crate::secret::SecretText;
use crate::target::{DatabaseTarget, Target};

use super::step::{SqlTask, Statement, Step};

pub mod scram;

/// SQL steps for all that differs; empty while no primary answers.
pub fn statements(target: &Target, seen: &Observed) -> Vec<Step> {
    let (Some(database), Some(pod)) = (&seen.database, seen.primary()) else { return Vec::new() };
    let mut tasks = Vec::new();
    tasks.extend(monitor(database));
    if let Some(password) = pooler_monitor_password(target, seen) {
        tasks.extend(pooler_monitor(&password, database.roles.get(POOLER_MONITOR_ROLE)));
    }
    let mut roles: BTreeSet<&str> = database.roles.keys().map(String::as_str).collect();
    for user in &target.users {
        if let Some(password) = user_password(&user.password, seen) {
            tasks.extend(role(&user.name, &user.options, &password, database.roles.get(&user.name)));
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

/// The pooler's exporter is a login without any option, kept as a user's is.
fn pooler_monitor(password: &SecretText, live: Option<&RoleSeen>) -> Option<SqlTask> {
    role(POOLER_MONITOR_ROLE, &[], password, live)
}

fn role(
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
        (false, _) => format!("create user {user}"),
        (true, false) => format!("set the password of user {user}"),
        (true, true) => format!("set {} of user {user}", differing.join(" ")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, settle, start, target};

    #[test]
    fn the_poolers_exporter_gets_a_login_without_any_right_and_one_line_in_pgpools_file() {
        let mut seen = observed(serde_json::json!({}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        seen.database = Some(DatabaseSeen::default());
        let steps = statements(&target(&seen), &seen);
        let sql: Vec<&Statement> = steps
            .iter()
            .flat_map(|step| match step {
                Step::Sql { task, .. } => task.statements.iter().collect(),
                _ => Vec::new(),
            })
            .filter(|statement| statement.text.contains(POOLER_MONITOR_ROLE))
            .collect();
        assert_eq!(sql.len(), 1);
        assert_eq!(sql[0].text, r#"CREATE ROLE "stylobate_pooler_monitor" LOGIN"#);
        assert!(sql[0].password.is_some());
        let users = seen.children.secret("c-pooler-users").unwrap();
        assert!(users["pool_passwd"].expose().starts_with("stylobate_pooler_monitor:TEXT"));

        let password = pooler_monitor_password(&target(&seen), &seen).unwrap();
        let role = RoleSeen {
            login: true,
            verifier: Some(SecretText::new(postgres_protocol::password::scram_sha_256(
                password.expose().as_bytes(),
            ))),
            ..RoleSeen::default()
        };
        assert_eq!(pooler_monitor(&password, Some(&role)), None, "a role as wanted is left alone");
        let wider = RoleSeen { create_role: true, ..role };
        assert_eq!(
            pooler_monitor(&password, Some(&wider)).unwrap().statements[0].text,
            r#"ALTER ROLE "stylobate_pooler_monitor" NOCREATEROLE"#
        );
    }
}
