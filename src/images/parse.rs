//! The text of the catalog, read and checked as a whole: one fault refuses all of it, so that no cluster follows half an edit.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::target::Problem;

use super::entry::read;
use super::reference::digest;
use super::{EXAMPLE, Entry, ImageCatalog, KEY};

/// Most bytes of the text. Ten years of minors of two majors take a tenth of it.
const TEXT_BYTES: usize = 128 << 10;
/// Most entries.
const ENTRIES: usize = 200;
/// Most faults that are told: a condition has its limits.
const TOLD: usize = 20;

/// Reads the list.
///
/// # Errors
/// What is wrong, each with entry, field, value and what is allowed.
pub fn parse(text: &str) -> Result<ImageCatalog, Vec<Problem>> {
    let refused = |value: String, remedy: String| vec![Problem::new(KEY, value, remedy)];
    if text.len() > TEXT_BYTES {
        let size = format!("{} bytes", text.len());
        return Err(refused(
            size,
            format!("at most {TEXT_BYTES} bytes: remove what no cluster runs any more"),
        ));
    }
    let list: Value = serde_saphyr::from_str(text).map_err(|cause| {
        let cause = cause.to_string();
        let line = cause.lines().next().unwrap_or_default().to_owned();
        refused(line, format!("it is no YAML: write a list of images; see {EXAMPLE}"))
    })?;
    let entries = match &list {
        Value::Array(entries) => entries.as_slice(),
        // What is left when the last entry is removed.
        Value::Null => &[],
        other => return Err(refused(kind(other).into(), format!("write a list of images; see {EXAMPLE}"))),
    };
    if entries.len() > ENTRIES {
        let count = format!("{} entries", entries.len());
        return Err(refused(count, format!("at most {ENTRIES}: remove what no cluster runs any more")));
    }
    let mut problems = Vec::new();
    let read: Vec<Option<Entry>> =
        entries.iter().enumerate().map(|(index, value)| read(index, value, &mut problems)).collect();
    together(&read, &mut problems);
    if problems.is_empty() {
        return Ok(ImageCatalog::of(read.into_iter().flatten().collect()));
    }
    let more = problems.len().saturating_sub(TOLD);
    if more > 0 {
        problems.truncate(TOLD);
        problems.push(Problem::new(KEY, format!("{more} more faults"), "mend those above first"));
    }
    Err(problems)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::String(_) => "a text",
        _ => "a single value",
    }
}

/// What entries must not be beside each other.
fn together(entries: &[Option<Entry>], problems: &mut Vec<Problem>) {
    let mut keys = BTreeMap::new();
    let mut digests = BTreeMap::new();
    for (index, entry) in
        entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    {
        let version = entry.version;
        if let Some(first) = keys.insert((entry.flavor, version, entry.upgrades_from), index) {
            let what = match entry.upgrades_from {
                None => format!("{:?} {version}", entry.flavor),
                Some(from) => format!("upgrades of {:?} from {from} to {version}", entry.flavor),
            };
            let remedy = format!(
                "entry {first} is an image for {what} as well: leave one; a rebuilt image takes the place of the older one"
            );
            problems.push(Problem::new(format!("{KEY}[{index}].version"), version, remedy));
        }
        let digest = digest(&entry.image).unwrap_or_default();
        if let Some((first, other)) =
            digests.insert(digest, (index, version)).filter(|(_, other)| *other != version)
        {
            let remedy = format!(
                "entry {first} names the same digest for {other}, and an image has one version: correct one of the two"
            );
            problems.push(Problem::new(format!("{KEY}[{index}].image"), &entry.image, remedy));
        }
    }
    for (index, entry) in
        entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    {
        if let Some(from) = entry.upgrades_from
            && !keys.contains_key(&(entry.flavor, entry.version, None))
        {
            let remedy = format!(
                "add an entry of {} without upgradesFrom, which clusters go on with after the upgrade",
                entry.version
            );
            problems.push(Problem::new(format!("{KEY}[{index}].upgradesFrom"), from, remedy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn entry(version: &str, digit: char, more: &str) -> String {
        format!(
            "- {{flavor: Postgres, version: \"{version}\", image: \"r/postgres:{version}@sha256:{}\", since: \"2026-11-29\"{more}}}\n",
            hex(digit)
        )
    }

    fn faults(text: &str) -> String {
        parse(text).unwrap_err().iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_list_is_read_with_all_its_fields() {
        let both = format!(
            "- {{flavor: Postgres, version: \"17.91\", image: \"r/postgres:15-to-17.91@sha256:{}\", since: 2026-11-29, upgradesFrom: 15}}\n",
            hex('c')
        );
        let text = entry("17.91", 'a', "") + &entry("15.90", 'b', ", withdrawn: loses data") + &both;
        let catalog = parse(&text).unwrap();
        let told: Vec<_> = catalog
            .entries()
            .iter()
            .map(|entry| (entry.version.to_string(), entry.withdrawn.as_deref(), entry.upgrades_from))
            .collect();
        assert_eq!(
            told,
            [
                ("17.91".into(), None, None),
                ("15.90".into(), Some("loses data"), None),
                ("17.91".into(), None, Some(15))
            ]
        );
        assert_eq!(parse("[]").unwrap(), parse("").unwrap());
    }

    #[test]
    fn each_fault_is_told_by_entry_field_and_value_with_what_is_allowed() {
        let image = |image: &str| {
            format!("- {{flavor: Postgres, version: \"17.91\", image: \"{image}\", since: \"2026-11-29\"}}")
        };
        let cases: &[(String, &[&str])] = &[
            (
                entry("17.91", 'a', "") + &entry("17.91", 'b', ""),
                &["images.yaml[1].version is '17.91': entry 0 is an image for Postgres 17.91 as well"],
            ),
            (
                entry("17.91", 'a', "") + &entry("17.90", 'a', ""),
                &[
                    "images.yaml[1].image is 'r/postgres:17.90@sha256:aaa",
                    "entry 0 names the same digest for 17.91",
                ],
            ),
            (
                entry("17.x", 'a', ""),
                &["images.yaml[0].version is '17.x': write major and minor in quotes, as \"17.91\""],
            ),
            (entry("17", 'a', ""), &["images.yaml[0].version is '17'"]),
            (
                entry("17.91", 'a', "").replace("\"17.91\"", "17.91"),
                &["images.yaml[0].version is '17.91': write major and minor in quotes"],
            ),
            (
                entry("16.4", 'a', ""),
                &["images.yaml[0].version is '16.4': this release of the operator runs the majors 17 and 15"],
            ),
            (image("r/postgres:17.91"), &["images.yaml[0].image is 'r/postgres:17.91': it has no digest"]),
            (
                image(&format!("r/postgres:17.90@sha256:{}", hex('a'))),
                &["its tag is of another version than 17.91"],
            ),
            (
                image(&format!("r/postgres:15@sha256:{}", hex('a'))),
                &["its tag is of another version than 17.91"],
            ),
            (
                entry("17.91", 'a', "").replace("2026-11-29", "29.11.2026"),
                &["images.yaml[0].since is '29.11.2026': write the day", "as \"2026-11-29\""],
            ),
            (
                entry("17.91", 'a', "").replace("2026-11-29", "2026-02-30"),
                &["images.yaml[0].since is '2026-02-30'"],
            ),
            (
                entry("17.91", 'a', ", imagee: x"),
                &[
                    "images.yaml[0].imagee is 'x': there is no such field",
                    "fields are flavor, version, image",
                ],
            ),
            (
                entry("17.91", 'a', "").replace("Postgres,", "Citus,"),
                &["images.yaml[0].flavor is 'Citus': write Postgres"],
            ),
            (entry("17.91", 'a', ", withdrawn: \"\""), &["images.yaml[0].withdrawn is '': write why"]),
            (entry("17.91", 'a', ", withdrawn: true"), &["images.yaml[0].withdrawn is 'true': write why"]),
            (
                entry("17.91", 'a', ", upgradesFrom: 15"),
                &["images.yaml[0].upgradesFrom is '15': add an entry of 17.91 without upgradesFrom"],
            ),
            (
                entry("17.91", 'a', ", upgradesFrom: 17"),
                &["images.yaml[0].upgradesFrom is '17': write an older major"],
            ),
            (
                entry("17.91", 'a', ", upgradesFrom: 9"),
                &["images.yaml[0].upgradesFrom is '9': write an older major"],
            ),
            ("- 17.91".into(), &["images.yaml[0] is '17.91': each entry has the fields flavor, version"]),
            (
                "- {flavor: Postgres}".into(),
                &["images.yaml[0].version is ''", "images.yaml[0].image is ''", "images.yaml[0].since is ''"],
            ),
            ("postgres: 17".into(), &["images.yaml is 'a mapping': write a list of images"]),
            ("- {flavor: Postgres".into(), &["images.yaml is '", "it is no YAML"]),
            (entry("17.91", 'a', "").repeat(201), &["images.yaml is '201 entries': at most 200"]),
            (format!("# {}", "x".repeat(TEXT_BYTES)), &["at most 131072 bytes"]),
        ];
        for (text, parts) in cases {
            let told = faults(text);
            for part in *parts {
                assert!(told.contains(part), "no \"{part}\" in \"{told}\"");
            }
        }
    }

    #[test]
    fn all_faults_are_told_at_once_up_to_a_limit() {
        let told = faults(&entry("16.4", 'a', "").repeat(30));
        assert_eq!(told.lines().count(), TOLD + 1);
        assert!(told.ends_with("'10 more faults': mend those above first"), "{told}");
    }

    #[test]
    fn a_text_that_grows_when_it_is_read_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", "));
        }
        assert!(parse(&text).is_err());
    }
}
