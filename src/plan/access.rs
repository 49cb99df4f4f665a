//! Roles, databases and extensions: SQL for what differs from the spec, and what stands in its way.
//!
//! Roles and databases that are no longer in the spec are left alone: dropping data is a person's step. Rights that the spec can't
//! give are taken back all the same.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postgres_protocol::escape::escape_identifier;

use crate::api::RoleOption;
use crate::build::{pooler_password, user_password};
use crate::engine::hba::{POOLER_MONITOR_ROLE, POOLER_ROLE};
use crate::observe::{Closed, DatabaseSeen, Inside, Observed};
use crate::target::{CREATE_ROLE_SINCE, DatabaseTarget, Target};

use super::step::{SqlTask, Statement, Step};

mod extensions;
mod lookup;
mod made;
mod rights;
mod roles;
pub mod scram;
mod slots;

pub use rights::told as rights_told;

/// What keeps a database from being as the spec says, for a person to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What can't be done, or could not be looked at.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

/// What there is to do, and what stands in the way.
#[derive(Debug, Default)]
pub struct Access {
    /// SQL that can be run now.
    pub tasks: Vec<SqlTask>,
    /// What can't be done by SQL, could not be looked at, or failed and is tried again later.
    pub troubles: Vec<Trouble>,
}

/// SQL steps for all that differs; empty while no primary answers.
pub fn statements(target: &Target, seen: &Observed, now: Timestamp) -> Vec<Step> {
    let (Some(database), Some(pod)) = (&seen.database, seen.primary()) else { return Vec::new() };
    let Access { tasks, .. } = access(target, seen, database, now);
    tasks.into_iter().map(|task| Step::Sql { pod: pod.to_owned(), task }).collect()
}

/// SQL steps on standbys, where one keeps what hinders it from following the primary's logical slots.
pub fn on_standbys(seen: &Observed, now: Timestamp) -> Vec<Step> {
    let Some(database) = seen.database.as_ref().filter(|_| seen.primary().is_some()) else {
        return Vec::new();
    };
    let waits = |step: &Step| {
        let Step::Sql { task, .. } = step else { return false };
        database.failed.get(&task.summary).is_some_and(|failed| failed.again > now)
    };
    let mut steps = slots::leftovers(database);
    steps.retain(|step| !waits(step));
    steps
}

/// SQL steps that take back rights which no spec can give.
pub fn taken_back(seen: &Observed) -> Vec<Step> {
    let (Some(database), Some(pod)) = (&seen.database, seen.primary()) else { return Vec::new() };
    rights::taken_back(database).into_iter().map(|task| Step::Sql { pod: pod.to_owned(), task }).collect()
}

/// All that differs from the spec.
pub fn access(target: &Target, seen: &Observed, database: &DatabaseSeen, now: Timestamp) -> Access {
    let mut found = Access { tasks: rights::taken_back(database), ..Access::default() };
    found.tasks.extend(roles::monitor(database));
    let own = [POOLER_MONITOR_ROLE].into_iter().chain(target.looks_up().then_some(POOLER_ROLE));
    for role in own {
        if let Some(password) = pooler_password(target, seen, role) {
            found.tasks.extend(roles::role(role, &[], &password, database.roles.get(role)));
        }
    }
    if target.looks_up() && database.roles.contains_key(POOLER_ROLE) {
        found.tasks.extend(lookup::function(database));
    }
    let mut known: BTreeSet<&str> = database.roles.keys().map(String::as_str).collect();
    for user in &target.users {
        if let Some(password) = user_password(&user.password, seen) {
            let live = database.roles.get(&user.name);
            // While a major upgrade is under way the older server still runs.
            let serves = |option: &&RoleOption| {
                **option != RoleOption::CreateRole || target.serving() >= CREATE_ROLE_SINCE
            };
            let options: Vec<RoleOption> = user.options.iter().filter(serves).copied().collect();
            found.tasks.extend(roles::role(&user.name, &options, &password, live));
            known.insert(&user.name);
        }
    }
    // An owner whose password is not generated yet has no role yet: its database comes with it, a round later.
    for wanted in target.databases.iter().filter(|wanted| known.contains(wanted.owner.as_str())) {
        databases(wanted, database, &mut found);
    }
    slots::slots(target, seen, database, &mut found);
    let Access { tasks, troubles } = &mut found;
    tasks.retain(|task| match database.failed.get(&task.summary).filter(|failed| failed.again > now) {
        None => true,
        Some(failed) => {
            let again = failed.again.strftime("%H:%M:%S");
            let why = format!("{}. It is tried again at {again} UTC", failed.cause);
            troubles.push(Trouble { what: format!("failed to {}", task.summary), why });
            false
        }
    });
    // What failed may hold a lock for long: it comes after what never did.
    tasks.sort_by_key(|task| database.failed.contains_key(&task.summary));
    found
}

fn task(database: &str, summary: String, statements: Vec<String>) -> SqlTask {
    let statements = statements.into_iter().map(Statement::plain).collect();
    SqlTask { database: database.to_owned(), summary, statements }
}

fn databases(wanted: &DatabaseTarget, seen: &DatabaseSeen, found: &mut Access) {
    let name = escape_identifier(&wanted.name);
    let owner = escape_identifier(&wanted.owner);
    let close = format!("REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC");
    let Some(live) = seen.databases.get(&wanted.name) else {
        let what = format!("create database {}", wanted.name);
        found
            .tasks
            .extend(made::statement(wanted, seen).map(|made| task("postgres", what, vec![made, close])));
        return;
    };
    if live.owner != wanted.owner && live.closed != Some(Closed::HalfDropped) {
        let what = format!("make {} the owner of database {}", wanted.owner, wanted.name);
        let give = format!("ALTER DATABASE {name} OWNER TO {owner}");
        found.tasks.push(task("postgres", what, vec![give]));
    }
    // CREATE DATABASE runs in no transaction, so a crash may come between it and the REVOKE. Rights that somebody set
    // later are left alone.
    if !live.restricted && live.closed != Some(Closed::HalfDropped) {
        let what = format!("close database {} to roles that were granted nothing", wanted.name);
        found.tasks.push(task("postgres", what, vec![close]));
    }
    found.troubles.extend(made::troubles(wanted, live, seen));
    let trouble = |why: String| Trouble { what: format!("database {}", wanted.name), why };
    match (live.closed, &live.inside) {
        (Some(Closed::ByOwner), _) => found.troubles.push(trouble(format!(
            "it takes no connections, so nobody can use it or look into it; if that is not wanted: ALTER DATABASE {name} \
             ALLOW_CONNECTIONS true"
        ))),
        (Some(Closed::HalfDropped), _) => found.troubles.push(trouble(format!(
            "DROP DATABASE was cut and left it half removed, so nobody can use it; end it, and it is made anew: DROP DATABASE {name}"
        ))),
        (None, Inside::Unread(cause)) => {
            found.troubles.push(trouble(format!("its extensions could not be looked at: {cause}")));
        }
        (None, Inside::NotAsked) => {}
        (None, Inside::Read(contents)) => {
            for extensions in [
                extensions::missing(wanted, contents, &seen.available),
                extensions::changed(wanted, contents, &seen.available),
            ] {
                found.tasks.extend(extensions.tasks);
                found.troubles.extend(extensions.troubles);
            }
        }
    }
}

#[cfg(test)]
mod tests;
