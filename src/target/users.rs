//! Users and databases: where each password stands, and what is wrong with the given Secrets.

use crate::api::{Database, RoleOption};
use crate::name::ClusterName;
use crate::observe::Observed;

use super::Problem;
use super::problem::OWN_SECRET;

/// A login role that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTarget {
    /// Name of the role.
    pub name: String,
    /// Where its password stands.
    pub password: PasswordSource,
    /// What it may do besides log in, sorted.
    pub options: Vec<RoleOption>,
}

/// Where a password stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSource {
    /// Name of the Secret.
    pub secret: String,
    /// Key in it.
    pub key: String,
    /// True when a person supplies the Secret; false when the operator generates it.
    pub given: bool,
}

/// A database that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseTarget {
    /// Name.
    pub name: String,
    /// Role that owns it.
    pub owner: String,
    /// Extensions in it.
    pub extensions: Vec<String>,
}

/// Longest identifier in bytes (NAMEDATALEN - 1).
const MAX_IDENTIFIER: usize = 63;
/// Longest password in bytes: a field of Pgpool's password file holds 128, of which the mark `TEXT` takes 4 (found by
/// experiment with 4.6.1: 124 log in, 125 do not).
const MAX_PASSWORD: usize = 124;

/// Users and databases of the spec.
pub fn check(
    seen: &Observed,
    name: &ClusterName,
    problems: &mut Vec<Problem>,
) -> (Vec<UserTarget>, Vec<DatabaseTarget>) {
    let spec = &seen.cluster.spec;
    let mut users = Vec::new();
    for user in &spec.users {
        let field = format!("spec.users[{}]", user.name);
        identifier(&format!("{field}.name"), &user.name, problems);
        let generated = name.user_secret(&user.name);
        let given = user.password.as_ref().filter(|password| password.secret != generated);
        if let Some(reference) = given.filter(|given| name.own_secrets().contains(&given.secret)) {
            problems.push(Problem::new(format!("{field}.password.secret"), &reference.secret, OWN_SECRET));
        } else if let Some(reference) = given {
            let secret = seen.given.secrets.get(&reference.secret).and_then(Option::as_ref);
            if let Some(data) = secret {
                match data.get(&reference.key) {
                    None => problems.push(Problem::new(
                        format!("{field}.password.key"),
                        &reference.key,
                        format!(
                            "Secret {} has no such key with text in it (it has {}): add the key, or name another",
                            reference.secret,
                            listed(data.keys().map(String::as_str)),
                        ),
                    )),
                    Some(password) => {
                        if let Err(remedy) = usable(password.expose()) {
                            problems.push(Problem::new(
                                format!("{field}.password"),
                                format!("Secret {} key {}", reference.secret, reference.key),
                                remedy,
                            ));
                        }
                    }
                }
            }
        }
        let mut options = user.options.clone();
        options.sort_unstable();
        options.dedup();
        // A Secret that a person names but that does not exist is generated, under that name.
        let absent = |secret: &str| !matches!(seen.given.secrets.get(secret), Some(Some(_)));
        let password = match given {
            Some(reference) => PasswordSource {
                secret: reference.secret.clone(),
                key: reference.key.clone(),
                given: !absent(&reference.secret),
            },
            None => PasswordSource { secret: generated, key: "password".into(), given: false },
        };
        users.push(UserTarget { name: user.name.clone(), password, options });
    }
    let databases = spec
        .databases
        .iter()
        .map(|database| {
            identifier(&format!("spec.databases[{}].name", database.name), &database.name, problems);
            problems.extend(unknown_extensions(seen, database));
            if !spec.users.iter().any(|user| user.name == database.owner) {
                problems.push(Problem::new(
                    format!("spec.databases[{}].owner", database.name),
                    &database.owner,
                    "no user of spec.users has this name: add the user, or correct the owner",
                ));
            }
            DatabaseTarget {
                name: database.name.clone(),
                owner: database.owner.clone(),
                extensions: database.extensions.clone(),
            }
        })
        .collect();
    (users, databases)
}

fn identifier(field: &str, name: &str, problems: &mut Vec<Problem>) {
    if name.len() > MAX_IDENTIFIER || name.contains('\0') {
        problems.push(Problem::new(
            field,
            name,
            format!("Postgres keeps at most {MAX_IDENTIFIER} bytes, and no NUL: shorten the name"),
        ));
    }
}

/// Extensions that the running server has no files of; nothing is known of them before a server runs.
fn unknown_extensions(seen: &Observed, database: &Database) -> Vec<Problem> {
    let available = seen.database.as_ref().map(|seen| seen.available.as_slice()).unwrap_or_default();
    if available.is_empty() {
        return Vec::new();
    }
    let unknown = database.extensions.iter().filter(|name| !available.contains(name));
    unknown
        .map(|name| {
            Problem::new(
                format!("spec.databases[{}].extensions", database.name),
                name,
                "the server has no such extension: correct the name (SELECT name FROM pg_available_extensions lists \
                 them), or name an image that has it in spec.engine.image",
            )
        })
        .collect()
}

/// Whether Postgres, Pgpool and libpq all take a password.
fn usable(password: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("the password there is empty: put text under the key".into());
    }
    if password.len() > MAX_PASSWORD {
        let bytes = password.len();
        return Err(format!(
            "the password has {bytes} bytes, and Pgpool takes at most {MAX_PASSWORD}: put a shorter one under the key"
        ));
    }
    if password.contains(['\n', '\r', '\0']) {
        return Err(
            "the password has a line break or NUL (often the last character of a file): remove it".into()
        );
    }
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
