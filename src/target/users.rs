//! Users and databases: where each password stands, and what is wrong with the given Secrets.

use crate::api::{Database, ExtensionOptions, Locale, RoleOption, User};
use crate::child::Kind;
use crate::name::ClusterName;
use crate::observe::{Observed, SecretData};
use crate::pooler::prepared;

use super::Problem;
use super::databases;
use super::networks::network;
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
    /// Networks from which it is let in, where it may replicate.
    pub replication_from: Vec<String>,
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
    /// Extensions in it, each once.
    pub extensions: Vec<String>,
    /// Schema and version of some of them.
    pub options: Vec<ExtensionOptions>,
    /// Encoding that it is made with, as the server writes it.
    pub encoding: Option<String>,
    /// Locale that it is made with.
    pub locale: Option<Locale>,
    /// Database that it is made a copy of.
    pub template: Option<String>,
}

impl DatabaseTarget {
    /// What is wanted of an extension besides that it is there.
    pub fn options_of(&self, extension: &str) -> Option<&ExtensionOptions> {
        self.options.iter().find(|options| options.name == extension)
    }
}

/// Key of a password that the operator generates.
const GENERATED_KEY: &str = "password";
/// The first major in which who creates roles gets none of others (`CREATEROLE`).
pub const CREATE_ROLE_SINCE: i32 = 16;
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
        let password = password_source(seen, name, user);
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
        if user.name.contains(['\n', '\r']) {
            let remedy = "Pgpool's password file can't hold a line break: remove it";
            problems.push(Problem::new(format!("{field}.name"), user.name.escape_debug(), remedy));
        }
        problems.extend(replication(&field, user));
        let replication_from = user.replication_from.iter().filter_map(|text| network(text).ok()).collect();
        users.push(UserTarget { name: user.name.clone(), password, options, replication_from });
    }
    let databases = spec
        .databases
        .iter()
        .map(|database| {
            identifier(&format!("spec.databases[{}].name", database.name), &database.name, problems);
            problems.extend(unknown_extensions(seen, database));
            problems.extend(databases::check(spec, database));
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
                extensions: database.wanted_extensions(),
                options: database.extension_options.clone(),
                encoding: database.encoding.as_deref().map(databases::encoding),
                locale: database.locale.clone(),
                template: database.template.clone(),
            }
        })
        .collect();
    (users, databases)
}

/// Where a user's password stands. The operator generates one only where there is no Secret at all; what a person put
/// there is used as it is and never written.
pub fn password_source(seen: &Observed, name: &ClusterName, user: &User) -> PasswordSource {
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

/// What a major does not take, or takes for more than it says.
pub fn check_major(users: &[UserTarget], major: i32, problems: &mut Vec<Problem>) {
    let bold = users
        .iter()
        .filter(|user| major < CREATE_ROLE_SINCE && user.options.contains(&RoleOption::CreateRole));
    problems.extend(bold.map(|user| {
        let remedy = format!(
            "in PostgreSQL {major} who creates roles can make himself a member of pg_execute_server_program, which is as good as superuser: \
             remove the option, or write a version of 17"
        );
        Problem::new(format!("spec.users[{}].options", user.name), "CreateRole", remedy)
    }));
}

/// Who replicates reads all data, and a line of `pg_hba.conf` can't tell that from a plain session.
fn replication(field: &str, user: &User) -> Vec<Problem> {
    if !user.options.contains(&RoleOption::Replication) {
        return Vec::new();
    }
    let networks = format!("{field}.replicationFrom");
    let mut problems = Vec::new();
    if user.replication_from.is_empty() {
        problems.push(Problem::new(
            &networks,
            "",
            "who replicates reads every database of the cluster: name the networks that this user comes from, as 10.20.0.0/16, or remove \
             the option Replication",
        ));
    }
    for text in &user.replication_from {
        if let Err(remedy) = network(text) {
            problems.push(Problem::new(&networks, text, remedy));
        }
    }
    if user.name.starts_with('/') {
        problems.push(Problem::new(
            format!("{field}.name"),
            &user.name,
            "a name with / at its beginning is a pattern in pg_hba.conf, so it can't have the option Replication: choose another name",
        ));
    }
    problems
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
    let Some(available) =
        seen.database.as_ref().map(|seen| &seen.available).filter(|known| !known.is_empty())
    else {
        return Vec::new();
    };
    let wanted = database.wanted_extensions();
    let unknown = wanted.iter().filter(|name| !available.contains_key(*name));
    let versions = database.extension_options.iter().filter_map(|options| {
        let (version, known) = (options.version.as_ref()?, available.get(&options.name)?);
        (!known.versions.is_empty() && !known.versions.contains(version)).then(|| {
            Problem::new(
                format!("spec.databases[{}].extensionOptions[{}].version", database.name, options.name),
                version,
                format!(
                    "the server has no such version of it: write one of {}, or remove it",
                    known.versions.join(", ")
                ),
            )
        })
    });
    unknown
        .map(|name| {
            Problem::new(
                format!("spec.databases[{}].extensions", database.name),
                name,
                "the server has no such extension: correct the name (SELECT name FROM pg_available_extensions lists \
                 them), or name an image that has it in spec.engine.image",
            )
        })
        .chain(versions)
        .collect()
}

/// Whether Postgres, Pgpool and libpq all take a password.
fn usable(password: &str) -> Result<(), String> {
    if password.is_empty() {
        return Err("the password there is empty: put text under the key".into());
    }
    if stringprep::saslprep(password).is_ok_and(|text| text.is_empty()) {
        return Err(
            "the password has only characters that SASLprep (RFC 4013) removes: put others under the key"
                .into(),
        );
    }
    let bytes = prepared(password).len();
    if bytes > MAX_PASSWORD {
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

    fn problems(spec: serde_json::Value) -> Vec<String> {
        let checked = crate::target::validate(&observed(spec), start());
        checked.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn who_replicates_names_the_networks_that_he_comes_from() {
        let user = |from: serde_json::Value, name: &str| {
            problems(json!({"users": [{"name": name, "options": ["Replication"], "replicationFrom": from}]}))
        };
        assert_eq!(user(json!(["10.1.0.0/16", "fd00:1::/32", "10.0.0.0/8"]), "copy"), [""; 0]);
        let said = user(json!([]), "copy");
        assert!(
            said[0]
                .starts_with("spec.users[copy].replicationFrom is '': who replicates reads every database"),
            "{said:?}"
        );
        for bad in
            ["10.1.0.0", "10.1.0.0/33", "10.1/16", "/8", "10.0.0.0/8 trust", "fd00::/129", "10.0.0.0/008x"]
        {
            assert!(user(json!([bad]), "copy")[0].contains("write a network as"), "{bad}");
        }
        for (wide, remedy) in [
            ("0.0.0.0/0", "as wide as a good part of all addresses: name networks of at least /8"),
            ("::/0", "as wide as a good part of all addresses: name networks of at least /16"),
            ("::ffff:0:0/96", "it has IPv4 addresses in IPv6"),
        ] {
            let wanted = format!("spec.users[copy].replicationFrom is '{wide}': {remedy}");
            assert!(user(json!([wide]), "copy")[0].starts_with(&wanted), "{wide}");
        }
        assert!(
            user(json!(["10.0.0.0/8"]), "/.*")[0].contains("pattern"),
            "it would be a pattern for all names"
        );
    }

    #[test]
    fn who_creates_roles_is_refused_where_that_is_superuser() {
        let of = |version: &str| {
            problems(json!({
                "engine": {"version": version}, "users": [{"name": "app", "options": ["CreateRole"]}],
            }))
        };
        assert_eq!(of("17.91"), [""; 0]);
        let said = of("15.90");
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("spec.users[app].options is 'CreateRole': in PostgreSQL 15"), "{said:?}");
    }

    #[test]
    fn a_name_with_a_line_break_is_refused_also_where_the_definition_is_older() {
        let said = problems(json!({"users": [{"name": "a\nb"}]}));
        assert!(said[0].starts_with(r"spec.users[a"), "{said:?}");
        assert!(said[0].contains("line break"), "{said:?}");
    }
}
