//! Settings whose value is a text with a form of its own. The server checks it when it reads its configuration: at a reload it says so in
//! its log and goes on with the value before; at its next start it does not start. `tests/settings_server.rs` asks a real server.

/// Tables of abbreviations that PostgreSQL comes with (`timezonesets`), those that are for others to include left out. They are files, so capitals count.
const ABBREVIATIONS: [&str; 3] = ["Default", "Australia", "India"];
/// Least messages that pgAudit writes with.
const AUDIT_LEVELS: [&str; 11] =
    ["debug", "debug1", "debug2", "debug3", "debug4", "debug5", "info", "log", "notice", "warning", "error"];
/// Classes of statements that pgAudit knows (pgAudit 17, README); each may be taken away by a minus.
const AUDIT_CLASSES: [&str; 9] =
    ["none", "all", "ddl", "function", "misc", "misc_set", "read", "role", "write"];

/// What is wrong with a text; none when nothing is, or nothing is known of it.
pub fn limit(name: &str, text: &str) -> Option<String> {
    let list = |known: &[&str]| {
        let known_word = |word: &str| known.iter().any(|known| known.eq_ignore_ascii_case(word));
        let good = text.trim().is_empty()
            || names(text).is_some_and(|words| words.iter().all(|word| known_word(word)));
        (!good).then(|| format!("write some of: {}; or nothing", known.join(", ")))
    };
    match name {
        "search_path" | "temp_tablespaces" | "synchronized_standby_slots" => names(text).is_none().then(|| {
            "write names with commas between them, each in one pair of double quotes or without any: the server does not start with a \
             list that it can't read"
                .into()
        }),
        "createrole_self_grant" => list(&["set", "inherit"]),
        "restrict_nonsystem_relation_kind" => list(&["view", "foreign-table"]),
        "timezone_abbreviations" => (!ABBREVIATIONS.contains(&text))
            .then(|| format!("write one of: {}: with no such table the server does not start", ABBREVIATIONS.join(", "))),
        "default_table_access_method" => (!text.eq_ignore_ascii_case("heap")).then(|| {
            "write heap: the image has no other, and a table of another can't be made".into()
        }),
        "default_text_search_config" => (names(&text.replace('.', ",")).is_none_or(|parts| parts.is_empty())).then(|| {
            "write the name of a configuration, as pg_catalog.english (SELECT cfgname FROM pg_ts_config)".into()
        }),
        "backtrace_functions" => {
            let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ',' | ' ' | '\t');
            (!text.chars().all(letter)).then(|| "write names of C functions with commas between them".into())
        }
        "pgaudit.log_level" => (!AUDIT_LEVELS.iter().any(|known| known.eq_ignore_ascii_case(text)))
            .then(|| format!("write one of: {}", AUDIT_LEVELS.join(", "))),
        "pgaudit.log" => {
            let known = |word: &String| {
                let word = word.strip_prefix('-').unwrap_or(word);
                AUDIT_CLASSES.iter().any(|class| class.eq_ignore_ascii_case(word))
            };
            let good = text.split(',').map(|word| word.trim().to_owned()).all(|word| known(&word));
            (!good).then(|| format!("write some of: {}; with a minus before it, one is taken away", AUDIT_CLASSES.join(", ")))
        }
        _ => None,
    }
}

/// Names of a list, as `SplitIdentifierString` reads them (PostgreSQL 17, varlena.c); none when it can't be read. No name at all is a list.
fn names(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    if rest.is_empty() {
        return Some(found);
    }
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest
                    .find(|letter: char| letter == ',' || letter.is_ascii_whitespace())
                    .unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if name.is_empty() && !rest.starts_with('"') {
            return None;
        }
        found.push(name);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if rest.is_empty() => return Some(found),
            None => return None,
        }
    }
}

/// A name up to its closing quote, in which two quotes are one, and what follows.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Some((name, rest)),
        }
    }
}
