//! How databases are made: encodings, locales and templates that can be.

use crate::api::{Database, LocaleProvider, PostgresClusterSpec};

use super::{DatabaseTarget, Problem};

/// Encodings that a database can have (PostgreSQL 17, table 23.3), as the server writes them.
const ENCODINGS: &str = "EUC_CN EUC_JIS_2004 EUC_JP EUC_KR EUC_TW ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 KOI8R KOI8U LATIN1 LATIN10 \
    LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 MULE_INTERNAL SQL_ASCII UTF8 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 \
    WIN1255 WIN1256 WIN1257 WIN1258 WIN866 WIN874";
/// Locales that PostgreSQL 17 knows by itself.
const BUILTIN: [&str; 2] = ["C", "C.UTF-8"];
/// The first major that knows some.
const BUILTIN_SINCE: i32 = 17;
/// Templates that are there in every cluster.
const TEMPLATES: [&str; 2] = ["template0", "template1"];

/// The server's own name of an encoding: capitals, and no sign but between words.
pub fn encoding(text: &str) -> String {
    let bare = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
    };
    let known = ENCODINGS.split(' ').find(|name| bare(name) == bare(text));
    known.map_or_else(|| text.to_owned(), str::to_owned)
}

/// What one database can't be made with.
pub fn check(spec: &PostgresClusterSpec, database: &Database) -> Vec<Problem> {
    let field = |part: &str| format!("spec.databases[{}].{part}", database.name);
    let mut problems = Vec::new();
    if let Some(text) = &database.encoding
        && !ENCODINGS.split(' ').any(|name| name == encoding(text))
    {
        problems.push(Problem::new(
            field("encoding"),
            text,
            "no database can have it: write UTF8, LATIN1, WIN1252 or another of table 23.3 of PostgreSQL's manual",
        ));
    }
    if let Some(locale) = &database.locale
        && locale.provider == LocaleProvider::Builtin
        && !BUILTIN.contains(&locale.name.as_str())
    {
        problems.push(Problem::new(
            field("locale.name"),
            &locale.name,
            "PostgreSQL itself knows C and C.UTF-8: write one of them, or take Icu",
        ));
    }
    if let Some(template) = &database.template {
        let other = spec.databases.iter().find(|other| other.name == *template);
        let ready_made = TEMPLATES.contains(&template.as_str());
        let remedy = if *template == database.name {
            Some("a database can't be a copy of itself: name another, or remove it")
        } else if !ready_made && other.is_none() {
            Some("name a database of spec.databases, template0 or template1")
        } else if other.is_some_and(|other| other.owner != database.owner) {
            Some("that database is somebody else's, whose data would come along: name one of the same owner")
        } else if template != "template0" && (database.encoding.is_some() || database.locale.is_some()) {
            Some("a copy has encoding and locale of its template: remove them, or take template0")
        } else {
            None
        };
        problems.extend(remedy.map(|remedy| Problem::new(field("template"), template, remedy)));
    }
    for options in &database.extension_options {
        let schema =
            options.schema.as_deref().filter(|schema| schema.starts_with("pg_") && *schema != "pg_catalog");
        problems.extend(schema.map(|schema| {
            let path = field(&format!("extensionOptions[{}].schema", options.name));
            Problem::new(path, schema, "names that begin with pg_ are the server's: choose another name")
        }));
    }
    problems
}

/// What a major does not know.
pub fn check_major(databases: &[DatabaseTarget], major: i32, problems: &mut Vec<Problem>) {
    let builtin = databases.iter().filter(|database| {
        let provider = database.locale.as_ref().map(|locale| locale.provider);
        major < BUILTIN_SINCE && provider == Some(LocaleProvider::Builtin)
    });
    problems.extend(builtin.map(|database| {
        let remedy = format!("PostgreSQL {major} knows no locale by itself: take Libc with C.UTF-8, or write a version of {BUILTIN_SINCE}");
        Problem::new(format!("spec.databases[{}].locale.provider", database.name), "Builtin", remedy)
    }));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{observed, start};

    fn problems(version: &str, databases: Value) -> Vec<String> {
        let spec = json!({"engine": {"version": version}, "users": [{"name": "app"}, {"name": "other"}], "databases": databases});
        let checked = crate::target::validate(&observed(spec), start());
        checked.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn what_no_database_can_be_made_with_is_a_problem_that_says_what_to_write() {
        let of = |more: Value| {
            let mut bank = json!({"name": "bank", "owner": "app"});
            bank.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            problems(
                "17.91",
                json!([bank, {"name": "own", "owner": "app"}, {"name": "theirs", "owner": "other"}]),
            )
        };
        for good in [
            json!({"encoding": "utf_8", "locale": {"provider": "Icu", "name": "de-DE"}}),
            json!({"encoding": "LATIN1", "template": "template0"}),
            json!({"locale": {"provider": "Builtin", "name": "C.UTF-8"}}),
            json!({"template": "own"}),
        ] {
            assert_eq!(of(good), [""; 0]);
        }
        for (bad, said) in [
            (json!({"encoding": "utf9"}), "spec.databases[bank].encoding is 'utf9'"),
            (json!({"locale": {"provider": "Builtin", "name": "de-DE"}}), "knows C and C.UTF-8"),
            (json!({"template": "bank"}), "a copy of itself"),
            (json!({"template": "gone"}), "name a database of spec.databases"),
            (json!({"template": "theirs"}), "somebody else's"),
            (json!({"template": "own", "encoding": "UTF8"}), "remove them"),
            (json!({"extensionOptions": [{"name": "hstore", "schema": "pg_x"}]}), "the server's"),
        ] {
            let told = of(bad);
            assert!(told.len() == 1 && told[0].contains(said), "{told:?}");
        }
    }

    #[test]
    fn the_older_major_knows_no_locale_by_itself() {
        let bank =
            json!([{"name": "bank", "owner": "app", "locale": {"provider": "Builtin", "name": "C.UTF-8"}}]);
        assert!(problems("15.90", bank)[0].contains("PostgreSQL 15 knows no locale by itself"));
    }

    #[test]
    fn an_encoding_is_known_by_any_of_its_spellings() {
        let names = ["utf8", "UTF_8", "Latin1", "iso_8859_5", "KOI8_R"].map(encoding);
        assert_eq!(names, ["UTF8", "UTF8", "LATIN1", "ISO_8859_5", "KOI8R"]);
    }
}
