//! Who may log in by PgBouncer: users made by SQL too, since the server is asked for their verifiers, and nobody whom the pooler must not carry.
//!
//! PgBouncer proves to the server what a client has proved to it with that verifier, so that it never knows a password but its own.

use postgres_protocol::escape::escape_identifier;

use crate::engine::hba::POOLER_ROLE;
use crate::secret::SecretText;

use super::super::Users;
use super::super::pgpool::prepared;

/// Schema of the function that it asks, in the database `postgres`.
pub const LOOKUP_SCHEMA: &str = "stylobate";

/// Body of that function: name and verifier of a login that may come by the pooler. Superusers and roles that replicate come by their own
/// ways with certificates and networks (`src/engine/hba.rs`), so that a pooler that was broken into has nothing of theirs.
pub fn lookup_body() -> String {
    "SELECT r.rolname::pg_catalog.text, r.rolpassword FROM pg_catalog.pg_authid r \
     WHERE r.rolname OPERATOR(pg_catalog.=) name AND r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolreplication \
     AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil OPERATOR(pg_catalog.>) pg_catalog.now()) \
     AND r.rolpassword OPERATOR(pg_catalog.~~) 'SCRAM-SHA-256$%' AND pg_catalog.length(r.rolpassword) OPERATOR(pg_catalog.<) 512"
        .to_owned()
}

/// The question that PgBouncer asks at a login.
pub(super) fn question() -> String {
    format!("SELECT n, v FROM {LOOKUP_SCHEMA}.pooler_login($1) AS l(n, v)")
}

/// `userlist.txt`: the roles by which it is asked and commanded. All others are looked up.
pub(super) fn userlist(users: &Users) -> SecretText {
    let known = users.lookup.iter().chain([&users.monitor]);
    debug_assert!(users.lookup.as_ref().is_none_or(|(name, _)| *name == POOLER_ROLE));
    let line = |(name, password): &(&str, SecretText)| {
        let password = prepared(password.expose()).into_owned();
        // Quoted as identifiers of SQL are.
        format!("{} {}\n", escape_identifier(name), escape_identifier(&password))
    };
    SecretText::new(known.map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_elses_password_is_in_its_file() {
        let users = Users {
            users: vec![("app", SecretText::new("theirs"))],
            monitor: ("stylobate_pooler_monitor", SecretText::new("m\"n")),
            lookup: Some((POOLER_ROLE, SecretText::new("l"))),
        };
        let file = userlist(&users);
        assert_eq!(file.expose(), "\"stylobate_pooler\" \"l\"\n\"stylobate_pooler_monitor\" \"m\"\"n\"\n");
    }
}
