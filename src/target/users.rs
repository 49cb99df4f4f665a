//! Users and databases: where each password stands, and what is wrong with the given Secrets.

use crate::api::{Database, RoleOption, User};
use crate::child::Kind;
use crate::name::ClusterName;
use crate::observe::{Observed, SecretData};

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

/// Key of a password that the operator generates.
const GENERATED_KEY: &str = "password";
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
        let password = password(seen, name, user);
        if let Some(reference) =
            user.password.as_ref().filter(|given| name.own_secrets().contains(&given.secret))
        {
            problems.push(Problem::new(format!("{field}.password.secret"), &reference.secret, OWN_SECRET));
        } else if let Some(data) = password.data(seen) {
            problems.extend(password_problem(&field, user, &password, &data));
        }
        let mut options = user.options.clone();
        options.sort_unstable();
        options.dedup();
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

/// Where a user's password stands. The operator generates one only where there is no Secret at all; what a person put
/// there is used as it is and never written.
fn password(seen: &Observed, name: &ClusterName, user: &User) -> PasswordSource {
    let (secret, key) = match &user.password {
        Some(reference) => (reference.secret.clone(), reference.key.clone()),
        None => (name.user_secret(&user.name), GENERATED_KEY.to_owned()),
    };
    let owned = seen.children.get(Kind::Secret, &secret).is_some();
    let given = !owned && matches!(seen.given.secrets.get(&secret), Some(Some(_)));
    PasswordSource { secret, key, given }
}

impl PasswordSource {
    /// The Secret's entries; none while it does not exist.
    pub fn data(&self, seen: &Observed) -> Option<SecretData> {
        match self.given {
            true => seen.given.secrets.get(&self.secret)?.clone(),
            false => seen.children.secret(&self.secret),
        }
    }
}

/// What is wrong with a Secret that exists.
fn password_problem(
    field: &str,
    user: &User,
    password: &PasswordSource,
    data: &SecretData,
) -> Option<Problem> {
    let PasswordSource { secret, key, given } = password;
    match data.get(key) {
        // A key that the operator's own Secret lost is generated again.
        None if !given => None,
        None => {
            let has = listed(data.keys().map(String::as_str));
            Some(match user.password {
                Some(_) => Problem::new(
                    format!("{field}.password.key"),
                    key,
                    format!(
                        "Secret {secret} has no such key with text in it (it has {has}): add the key, or name another"
                    ),
                ),
                None => Problem::new(
                    format!("{field}.password"),
                    format!("Secret {secret}"),
                    format!(
                        "this Secret was not made by Stylobate, so it is used and never written, but it has no key {key} \
                         with text in it (it has {has}): add the key, or delete the Secret to have one generated"
                    ),
                ),
            })
        }
        Some(text) => usable(text.expose()).err().map(|remedy| {
            Problem::new(format!("{field}.password"), format!("Secret {secret} key {key}"), remedy)
        }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{entries, observed, settle, start, target};
    use crate::plan::{Mint, Step};
    use serde_json::json;

    fn generated(seen: &Observed) -> Vec<String> {
        let input = crate::decide::Input { seen, catalog: crate::policy::CATALOG, now: start() };
        let mints = crate::decide::decide(&input).steps.into_iter().filter_map(|step| match step {
            Step::Mint(Mint::Passwords { secret, .. }) => Some(secret),
            _ => None,
        });
        mints.filter(|secret| secret.contains("user")).collect()
    }

    #[test]
    fn a_password_is_generated_only_where_there_is_no_secret() {
        let mut seen = observed(json!({"users": [{"name": "app"}]}));
        assert_eq!(generated(&seen), ["c-user-app"]);
        settle(&mut seen, start());
        assert_eq!(generated(&seen), [""; 0]);
        assert!(!target(&seen).users[0].password.given, "the cluster owns what it generated");
    }

    #[test]
    fn a_secret_that_a_person_made_in_the_default_place_is_used_and_never_written() {
        let mut seen = observed(json!({"users": [{"name": "app"}]}));
        seen.given.secrets.insert("c-user-app".into(), Some(entries(&[("password", "theirs")])));
        settle(&mut seen, start());
        assert!(seen.children.get(Kind::Secret, "c-user-app").is_none());
        let pooler = seen.children.secret("c-pooler-users").unwrap();
        assert!(pooler["pool_passwd"].expose().contains("app:TEXTtheirs\n"));
    }

    #[test]
    fn a_given_secret_without_its_key_is_a_problem_that_says_what_to_do() {
        let mut seen = observed(json!({"users": [{"name": "app"}]}));
        seen.given.secrets.insert("c-user-app".into(), Some(entries(&[("pass", "theirs")])));
        let problems = crate::target::validate(&seen, start()).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "spec.users[app].password is 'Secret c-user-app': this Secret was not made by Stylobate, so it is used and \
             never written, but it has no key password with text in it (it has pass): add the key, or delete the Secret \
             to have one generated"
        );
    }

    #[test]
    fn a_named_secret_is_used_when_it_exists_and_generated_under_its_name_when_not() {
        let mut seen =
            observed(json!({"users": [{"name": "app", "password": {"secret": "mine", "key": "pw"}}]}));
        seen.given.secrets.insert("mine".into(), None);
        assert!(!target(&seen).users[0].password.given);
        settle(&mut seen, start());
        assert!(seen.children.secret("mine").unwrap().contains_key("pw"));

        seen.children.0.clear();
        seen.given.secrets.insert("mine".into(), Some(entries(&[("pw", "theirs")])));
        settle(&mut seen, start());
        assert!(seen.children.get(Kind::Secret, "mine").is_none());
    }
}
