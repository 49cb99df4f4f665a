//! Reads the SQL of a step word by word and does what Postgres would do to its catalogs. A name that is not quoted and
//! not a keyword of a known statement makes the test fail: that is how a missing quote would show.

use stylobate::engine::hba::POOLER_ROLE;
use stylobate::observe::{Contents, DatabaseFacts, DatabaseSeen, Inside, LookupSeen, RoleSeen};
use stylobate::plan::SqlTask;
use stylobate::pooler::lookup_body;
use stylobate::secret::SecretText;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Name(String),
    Text(String),
}

/// A database that its owner alone can make something in.
pub fn fresh(owner: &str) -> DatabaseFacts {
    let schemas = [("public".to_owned(), false)].into();
    let inside = Inside::Read(Contents { schemas, ..Contents::default() });
    DatabaseFacts { owner: owner.into(), inside, ..DatabaseFacts::default() }
}

/// Runs all statements of a task.
pub fn run(database: &mut DatabaseSeen, task: &SqlTask) {
    assert!(database.databases.contains_key(&task.database), "no database {:?}", task.database);
    // A body of a function is no SQL of this kind: a real server takes it in tests/hostile/lookup.rs.
    if task.statements.iter().any(|statement| statement.text.contains("pooler_login")) {
        assert!(database.roles.contains_key(POOLER_ROLE), "no role {POOLER_ROLE}");
        database.lookup = Some(LookupSeen { body: lookup_body(), guarded: true });
        return;
    }
    for statement in &task.statements {
        let sql = statement.sql();
        let tokens = tokens(sql.expose());
        execute(database, &task.database, &tokens);
    }
}

fn execute(seen: &mut DatabaseSeen, connected: &str, tokens: &[Token]) {
    let words: Vec<&str> = tokens
        .iter()
        .map(|token| match token {
            Token::Word(word) => word.as_str(),
            Token::Name(_) => "\"\"",
            Token::Text(_) => "''",
        })
        .collect();
    let name = |index: usize| match &tokens[index] {
        Token::Name(name) => name.clone(),
        // The operator's own roles are constants, and need no quotes.
        Token::Word(word)
            if ["stylobate_monitor", "pg_monitor", "stylobate_extension"].contains(&word.as_str()) =>
        {
            word.clone()
        }
        other => panic!("{other:?} is no quoted name, in {words:?}"),
    };
    match words.as_slice() {
        ["CREATE", "ROLE", _, ..] => {
            let created = seen.roles.insert(name(2), RoleSeen::default());
            assert!(created.is_none(), "role {:?} exists", name(2));
            options(seen.roles.get_mut(&name(2)).expect("just made"), &tokens[3..]);
        }
        ["ALTER", "ROLE", "stylobate_monitor", "SET", "search_path", "pg_catalog", "pg_temp"] => {
            seen.roles.get_mut(&name(2)).expect("the role exists").catalogs_first = true;
        }
        ["ALTER", "ROLE", _, ..] => {
            let role = seen.roles.get_mut(&name(2)).unwrap_or_else(|| panic!("no role {:?}", name(2)));
            options(role, &tokens[3..]);
        }
        ["GRANT", _, "TO", _] => {
            assert_eq!(name(1), "pg_monitor");
            seen.roles.get_mut(&name(3)).expect("the role exists").monitors = true;
        }
        ["CREATE", "DATABASE", _, "OWNER", _, "TEMPLATE", "template0"] => {
            assert!(seen.roles.contains_key(&name(4)), "no role {:?}", name(4));
            let facts = fresh(&name(4));
            assert!(seen.databases.insert(name(2), facts).is_none(), "database {:?} exists", name(2));
        }
        ["ALTER", "DATABASE", _, "OWNER", "TO", _] => {
            assert!(seen.roles.contains_key(&name(5)), "no role {:?}", name(5));
            seen.databases.get_mut(&name(2)).expect("the database exists").owner = name(5);
        }
        ["REVOKE", "CONNECT", "TEMPORARY", "ON", "DATABASE", _, "FROM", "PUBLIC"] => {
            seen.databases.get_mut(&name(5)).expect("the database exists").restricted = true;
        }
        ["BEGIN"] | ["COMMIT"] | ["CHECKPOINT"] => {}
        ["CREATE", "SCHEMA", _] => {
            let there = contents(seen, connected).schemas.insert(name(2), true);
            assert!(there.is_none(), "schema {:?} exists", name(2));
        }
        ["DROP", "SCHEMA", _] => {
            let found = contents(seen, connected);
            assert!(found.schemas.remove(&name(2)).is_some(), "no schema {:?}", name(2));
            assert!(!found.extensions.values().any(|schema| *schema == name(2)), "it is not empty");
        }
        ["CREATE", "EXTENSION", _, "SCHEMA", _] => {
            assert!(seen.available.contains_key(&name(2)), "no extension {:?}", name(2));
            let found = contents(seen, connected);
            assert!(found.schemas.get(&name(4)) == Some(&true), "its script would meet what others made");
            assert!(found.extensions.insert(name(2), name(4)).is_none(), "extension {:?} exists", name(2));
        }
        ["ALTER", "EXTENSION", _, "SET", "SCHEMA", _] => {
            let found = contents(seen, connected);
            assert!(found.schemas.contains_key(&name(5)), "no schema {:?}", name(5));
            *found.extensions.get_mut(&name(2)).expect("the extension exists") = name(5);
        }
        other => panic!("no SQL that is known here: {other:?}"),
    }
}

fn contents<'a>(seen: &'a mut DatabaseSeen, database: &str) -> &'a mut Contents {
    match &mut seen.databases.get_mut(database).expect("checked before").inside {
        Inside::Read(contents) => contents,
        other => panic!("nobody looked into {database}: {other:?}"),
    }
}

fn options(role: &mut RoleSeen, tokens: &[Token]) {
    let mut tokens = tokens.iter();
    while let Some(token) = tokens.next() {
        let Token::Word(word) = token else { panic!("{token:?} is no role option") };
        let (option, on) = word.strip_prefix("NO").map_or((word.as_str(), true), |option| (option, false));
        match option {
            "LOGIN" => role.login = on,
            "CREATEDB" => role.create_db = on,
            "CREATEROLE" => role.create_role = on,
            "REPLICATION" => role.replication = on,
            "BYPASSRLS" => role.bypass_rls = on,
            "PASSWORD" => {
                let Some(Token::Text(verifier)) = tokens.next() else { panic!("PASSWORD without a text") };
                assert!(verifier.starts_with("SCRAM-SHA-256$"), "a password must go as a verifier");
                role.verifier = Some(SecretText::new(verifier.clone()));
            }
            other => panic!("{other} is no role option that is known here"),
        }
    }
}

/// Words, quoted names and texts of a statement (PostgreSQL 17, section 4.1). Commas part words like spaces do.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            ' ' | ',' | '=' => {}
            quote @ ('"' | '\'') => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some(next) if next == quote && rest.peek() == Some(&quote) => {
                            rest.next();
                            text.push(quote);
                        }
                        Some(next) if next == quote => break,
                        Some(next) => text.push(next),
                        None => panic!("a quote is not closed in {sql:?}"),
                    }
                }
                tokens.push(if quote == '"' { Token::Name(text) } else { Token::Text(text) });
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut word = String::from(letter);
                while let Some(next) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            other => panic!("{other:?} stands outside of quotes in {sql:?}"),
        }
    }
    tokens
}
