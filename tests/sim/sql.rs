//! Reads the SQL of a step word by word and does what Postgres would do to its catalogs. A name that is not quoted and
//! not a keyword of a known statement makes the test fail: that is how a missing quote would show.

use stylobate::observe::{DatabaseFacts, DatabaseSeen, RoleSeen};
use stylobate::plan::SqlTask;
use stylobate::secret::SecretText;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Name(String),
    Text(String),
}

/// Runs all statements of a task.
pub fn run(database: &mut DatabaseSeen, task: &SqlTask) {
    assert!(database.databases.contains_key(&task.database), "no database {:?}", task.database);
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
        Token::Word(word) if ["stylobate_monitor", "pg_monitor"].contains(&word.as_str()) => word.clone(),
        other => panic!("{other:?} is no quoted name, in {words:?}"),
    };
    match words.as_slice() {
        ["CREATE", "ROLE", _, ..] => {
            let created = seen.roles.insert(name(2), RoleSeen::default());
            assert!(created.is_none(), "role {:?} exists", name(2));
            options(seen.roles.get_mut(&name(2)).expect("just made"), &tokens[3..]);
        }
        ["ALTER", "ROLE", _, ..] => {
            let role = seen.roles.get_mut(&name(2)).unwrap_or_else(|| panic!("no role {:?}", name(2)));
            options(role, &tokens[3..]);
        }
        ["GRANT", _, "TO", _] => {
            seen.roles.get_mut(&name(3)).expect("the role exists").member_of.push(name(1));
        }
        ["CREATE", "DATABASE", _, "OWNER", _] => {
            assert!(seen.roles.contains_key(&name(4)), "no role {:?}", name(4));
            let facts = DatabaseFacts { owner: name(4), ..DatabaseFacts::default() };
            assert!(seen.databases.insert(name(2), facts).is_none(), "database {:?} exists", name(2));
        }
        ["ALTER", "DATABASE", _, "OWNER", "TO", _] => {
            assert!(seen.roles.contains_key(&name(5)), "no role {:?}", name(5));
            seen.databases.get_mut(&name(2)).expect("the database exists").owner = name(5);
        }
        ["REVOKE", "CONNECT", "TEMPORARY", "ON", "DATABASE", _, "FROM", "PUBLIC"] => {
            seen.databases.get_mut(&name(5)).expect("the database exists").restricted = true;
        }
        ["CREATE", "EXTENSION", "IF", "NOT", "EXISTS", _, "CASCADE"] => {
            assert!(seen.available.contains(&name(5)), "no extension {:?}", name(5));
            seen.databases.get_mut(connected).expect("checked before").extensions.push(name(5));
        }
        ["CHECKPOINT"] => {}
        other => panic!("no SQL that is known here: {other:?}"),
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
            ' ' | ',' => {}
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
