//! How a database is made, and what of it differs from the spec once it is there: nothing of that can be changed, so it is told.

use postgres_protocol::escape::{escape_identifier, escape_literal};

use crate::api::LocaleProvider;
use crate::observe::{DatabaseFacts, DatabaseSeen, MadeAs};
use crate::target::DatabaseTarget;

use super::Trouble;

/// The template of all databases: nobody can be connected to it, as to `template1`, which would keep a database from being made.
const EMPTY: &str = "template0";
/// What the C library's part of an ICU database's locale is: by code point, whatever the image.
const PLAIN: &str = "C.UTF-8";

/// The statement that makes it; none while the template that it is a copy of is not there yet.
pub(super) fn statement(wanted: &DatabaseTarget, seen: &DatabaseSeen) -> Option<String> {
    let template = wanted.template.as_deref().unwrap_or(EMPTY);
    if !["template0", "template1"].contains(&template) && !seen.databases.contains_key(template) {
        return None;
    }
    let (name, owner) = (escape_identifier(&wanted.name), escape_identifier(&wanted.owner));
    let from = if template == EMPTY { EMPTY.to_owned() } else { escape_identifier(template) };
    let mut text = format!("CREATE DATABASE {name} OWNER {owner} TEMPLATE {from}");
    if let Some(encoding) = &wanted.encoding {
        text += &format!(" ENCODING {}", escape_literal(encoding));
    }
    if let Some(locale) = &wanted.locale {
        let name = escape_literal(&locale.name);
        text += &match locale.provider {
            LocaleProvider::Libc => format!(" LOCALE_PROVIDER libc LOCALE {name}"),
            LocaleProvider::Icu => {
                // An encoding that is not UTF8 has no such locale of the C library.
                let plain = if wanted.encoding.as_deref().is_none_or(|encoding| encoding == "UTF8") {
                    PLAIN
                } else {
                    "C"
                };
                format!(" LOCALE_PROVIDER icu ICU_LOCALE {name} LOCALE '{plain}'")
            }
            LocaleProvider::Builtin => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {name} LOCALE 'C'"),
        };
    }
    Some(text)
}

/// What differs from the spec, and an order of text that is another one than the indexes were made with.
pub(super) fn troubles(wanted: &DatabaseTarget, live: &DatabaseFacts, seen: &DatabaseSeen) -> Vec<Trouble> {
    let what = || format!("database {}", wanted.name);
    let mut found = Vec::new();
    let differs = different(wanted, &live.made);
    if !differs.is_empty() {
        found.push(Trouble {
            what: what(),
            why: format!(
                "{}, which can't be changed once a database is made: write what it has into the spec, or move the data into a database of \
                 another name (pg_dump)",
                differs.join(", and ")
            ),
        });
    }
    found.extend(order(&wanted.name, &live.made).map(|why| Trouble { what: what(), why }));
    found.extend(ahead(&wanted.name, &live.made, seen).map(|why| Trouble { what: what(), why }));
    found
}

/// A member has an image that sorts in another way, and does not take writes yet.
fn ahead(name: &str, made: &MadeAs, seen: &DatabaseSeen) -> Option<String> {
    let before = made.order.as_ref()?;
    seen.orders.iter().find_map(|(pod, found)| match found {
        Err(cause) => Some(format!("how the image of {pod} sorts its text could not be looked at: {cause}")),
        Ok(versions) => {
            let now = versions.get(name).filter(|now| *now != before)?;
            let (database, library) = (escape_identifier(name), provider(&made.provider));
            Some(format!(
                "its indexes of text were made with version {before} of {library}, and the image that {pod} has brings {now}: what is read \
                 there may be incomplete, and once such a member takes writes they have to be made anew: REINDEX DATABASE CONCURRENTLY \
                 {database}, then ALTER DATABASE {database} REFRESH COLLATION VERSION. Until then write the image of before into \
                 spec.engine to stay with it"
            ))
        }
    })
}

fn different(wanted: &DatabaseTarget, made: &MadeAs) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(encoding) = &wanted.encoding
        && !made.encoding.is_empty()
        && *encoding != made.encoding
    {
        found.push(format!("its encoding is {} and the spec says {encoding}", made.encoding));
    }
    if let Some(locale) = &wanted.locale
        && !made.provider.is_empty()
    {
        let letter = match locale.provider {
            LocaleProvider::Libc => "c",
            LocaleProvider::Icu => "i",
            LocaleProvider::Builtin => "b",
        };
        if letter != made.provider || !same_locale(&locale.name, &made.locale) {
            let live = format!("{} {}", provider(&made.provider), made.locale);
            found.push(format!(
                "its locale is {live} and the spec says {} {}",
                provider(letter),
                locale.name
            ));
        }
    }
    found
}

/// The server writes some names in another way than they were given: `en_US.utf8`, and `en-US` in the form of its standard.
fn same_locale(wanted: &str, live: &str) -> bool {
    let bare = |text: &str| {
        let letters = text.chars().filter(|letter| *letter != '-' && *letter != '_');
        letters.collect::<String>().to_ascii_lowercase()
    };
    bare(wanted) == bare(live)
}

fn provider(letter: &str) -> &'static str {
    match letter {
        "c" => "libc",
        "i" => "ICU",
        "b" => "builtin",
        _ => "of a provider that is not known here",
    }
}

/// Indexes of text that were made in another order than the server has now find too little, and let in what is there already.
fn order(name: &str, made: &MadeAs) -> Option<String> {
    if let Some(cause) = &made.order_unread {
        return Some(format!("whether its text is sorted as before could not be looked at: {cause}"));
    }
    let (before, now) = (made.order.as_ref()?, made.order_now.as_ref()?);
    (before != now).then(|| {
        let (database, library) = (escape_identifier(name), provider(&made.provider));
        format!(
            "its indexes of text were made with version {before} of {library}, and the image has {now}, which may sort in another way: until \
             they are made anew they may find too little and let in duplicates. In it, as its owner: REINDEX DATABASE CONCURRENTLY {database}; \
             then ALTER DATABASE {database} REFRESH COLLATION VERSION"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Locale;

    fn wanted(encoding: Option<&str>, locale: Option<(LocaleProvider, &str)>) -> DatabaseTarget {
        DatabaseTarget {
            name: "ba\"nk".into(),
            owner: "app".into(),
            extensions: Vec::new(),
            options: Vec::new(),
            encoding: encoding.map(str::to_owned),
            locale: locale.map(|(provider, name)| Locale { provider, name: name.into() }),
            template: None,
        }
    }

    fn sql(wanted: &DatabaseTarget) -> String {
        statement(wanted, &DatabaseSeen::default())
            .unwrap()
            .replace("CREATE DATABASE \"ba\"\"nk\" OWNER \"app\" TEMPLATE ", "")
    }

    #[test]
    fn a_database_is_made_with_what_the_spec_says_and_from_the_empty_template_otherwise() {
        assert_eq!(sql(&wanted(None, None)), "template0");
        assert_eq!(sql(&wanted(Some("LATIN1"), None)), "template0 ENCODING 'LATIN1'");
        let with = |provider, name| sql(&wanted(None, Some((provider, name))));
        assert_eq!(
            with(LocaleProvider::Icu, "de-DE"),
            "template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C.UTF-8'"
        );
        assert_eq!(
            with(LocaleProvider::Libc, "de_DE.UTF-8"),
            "template0 LOCALE_PROVIDER libc LOCALE 'de_DE.UTF-8'"
        );
        assert_eq!(
            with(LocaleProvider::Builtin, "C"),
            "template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C' LOCALE 'C'"
        );
    }

    #[test]
    fn a_copy_waits_for_what_it_is_a_copy_of() {
        let copy = DatabaseTarget { template: Some("own".into()), ..wanted(None, None) };
        let mut seen = DatabaseSeen::default();
        assert_eq!(statement(&copy, &seen), None);
        seen.databases.insert("own".into(), DatabaseFacts::default());
        assert!(statement(&copy, &seen).unwrap().ends_with("TEMPLATE \"own\""));
    }

    #[test]
    fn what_cannot_be_changed_is_told_and_another_spelling_is_no_difference() {
        let made = MadeAs {
            encoding: "UTF8".into(),
            provider: "c".into(),
            locale: "en_US.utf8".into(),
            ..MadeAs::default()
        };
        let told = |wanted: &DatabaseTarget, made: &MadeAs| {
            let live = DatabaseFacts { made: made.clone(), ..DatabaseFacts::default() };
            troubles(wanted, &live, &DatabaseSeen::default())
                .into_iter()
                .map(|trouble| trouble.why)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&wanted(Some("UTF8"), Some((LocaleProvider::Libc, "en_US.UTF-8"))), &made), [""; 0]);
        let other = told(&wanted(Some("LATIN1"), Some((LocaleProvider::Icu, "en-US"))), &made);
        assert!(other[0].contains("its encoding is UTF8 and the spec says LATIN1"), "{other:?}");
        assert!(other[0].contains("its locale is libc en_US.utf8 and the spec says ICU en-US"), "{other:?}");
        assert_eq!(told(&wanted(None, None), &made), [""; 0], "nothing is asked for");

        let rolled = MadeAs { order: Some("2.36".into()), order_now: Some("2.41".into()), ..made.clone() };
        let said = told(&wanted(None, None), &rolled);
        assert!(said[0].contains("version 2.36 of libc, and the image has 2.41"), "{said:?}");
        assert!(said[0].contains(r#"ALTER DATABASE "ba""nk" REFRESH COLLATION VERSION"#), "{said:?}");
        let live = DatabaseFacts {
            made: MadeAs { order: Some("2.36".into()), ..made.clone() },
            ..DatabaseFacts::default()
        };
        let versions = [("ba\"nk".to_owned(), "2.41".to_owned())].into();
        let seen =
            DatabaseSeen { orders: [("c-2".to_owned(), Ok(versions))].into(), ..DatabaseSeen::default() };
        let said = troubles(&wanted(None, None), &live, &seen);
        assert!(said.len() == 1 && said[0].why.contains("the image that c-2 has brings 2.41"), "{said:?}");
        let unread = MadeAs { order_unread: Some("no collator".into()), ..made };
        assert!(told(&wanted(None, None), &unread)[0].contains("could not be looked at: no collator"));
    }
}
