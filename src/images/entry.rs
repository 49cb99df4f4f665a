//! One image of the catalog, read strictly: what is wrong is told by entry, field and value, with what is allowed.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::api::Flavor;
use crate::target::{MAJORS, Problem, Version};

use super::KEY;
use super::reference::{fault, majors, version as by_tag};

/// Fields of an entry, in the order in which they are written.
const FIELDS: [&str; 6] = ["flavor", "version", "image", "since", "withdrawn", "upgradesFrom"];
/// Most bytes of a reason: it stands in a condition of every cluster that it is about.
const REASON_BYTES: usize = 500;

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which engine.
    pub flavor: Flavor,
    /// Version of its server; of the newer one where it has two.
    pub version: Version,
    /// The image, with tag and digest.
    pub image: String,
    /// Since when it is offered.
    pub since: Date,
    /// Why it is no longer to be run; none while it may be.
    pub withdrawn: Option<String>,
    /// The older major that it has the server of as well, for the time of a major upgrade.
    pub upgrades_from: Option<i32>,
}

/// Reads the entry at this place of the list; adds what is wrong with it.
pub(super) fn read(index: usize, value: &Value, problems: &mut Vec<Problem>) -> Option<Entry> {
    let Some(fields) = value.as_object() else {
        let remedy = format!("each entry has the fields {}", FIELDS.join(", "));
        problems.push(Problem::new(format!("{KEY}[{index}]"), shown(Some(value)), remedy));
        return None;
    };
    let before = problems.len();
    let mut reader = Reader { index, fields, problems };
    reader.unknown();
    let flavor = reader.flavor();
    let version = reader.version();
    let image = reader.image(version);
    let since = reader.since();
    let withdrawn = reader.withdrawn();
    let upgrades_from = reader.upgrades_from(version);
    if problems.len() > before {
        return None;
    }
    Some(Entry { flavor: flavor?, version: version?, image: image?, since: since?, withdrawn, upgrades_from })
}

struct Reader<'a> {
    index: usize,
    fields: &'a Map<String, Value>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, field: &str, remedy: impl Into<String>) {
        let place = format!("{KEY}[{}].{field}", self.index);
        self.problems.push(Problem::new(place, shown(self.fields.get(field)), remedy));
    }

    fn text(&mut self, field: &str, remedy: &str) -> Option<&str> {
        if !self.fields.get(field).is_some_and(Value::is_string) {
            self.refuse(field, remedy);
        }
        self.fields.get(field)?.as_str()
    }

    fn unknown(&mut self) {
        let others: Vec<String> =
            self.fields.keys().filter(|field| !FIELDS.contains(&field.as_str())).cloned().collect();
        for field in others {
            self.refuse(
                &field,
                format!(
                    "there is no such field: correct its name, or remove it; fields are {}",
                    FIELDS.join(", ")
                ),
            );
        }
    }

    fn flavor(&mut self) -> Option<Flavor> {
        let read = self.fields.get("flavor").and_then(|value| serde_json::from_value(value.clone()).ok());
        if read.is_none() {
            self.refuse("flavor", "write Postgres, the one flavor that this release runs");
        }
        read
    }

    fn version(&mut self) -> Option<Version> {
        let form = "write major and minor in quotes, as \"17.91\"";
        let text = self.text("version", form)?;
        let Some(version) = Version::read(text) else {
            self.refuse("version", form);
            return None;
        };
        if !MAJORS.contains(&version.major) {
            let majors = MAJORS.map(|major| major.to_string()).join(" and ");
            self.refuse(
                "version",
                format!("this release of the operator runs the majors {majors}: remove the entry"),
            );
            return None;
        }
        Some(version)
    }

    fn image(&mut self, version: Option<Version>) -> Option<String> {
        let image = self.text("image", "name the image by tag and digest")?.to_owned();
        if let Some(fault) = fault(&image) {
            self.refuse("image", fault);
            return None;
        }
        let version = version?;
        let other = match by_tag(&image) {
            Some(told) => told != version,
            None => majors(&image).last().is_some_and(|major| *major != version.major),
        };
        if other {
            self.refuse("image", format!("its tag is of another version than {version}, which the entry says: correct one of the two"));
        }
        Some(image)
    }

    fn since(&mut self) -> Option<Date> {
        let form = "write the day from which it is offered, as \"2026-11-29\"";
        let text = self.text("since", form)?;
        // Only the usual form: the parser takes times and other forms as well.
        let read = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        if read.is_none() {
            self.refuse("since", form);
        }
        read
    }

    fn withdrawn(&mut self) -> Option<String> {
        let value = self.fields.get("withdrawn").filter(|value| !value.is_null())?;
        let text =
            value.as_str().map(str::trim).filter(|text| !text.is_empty() && text.len() <= REASON_BYTES);
        if text.is_none() {
            self.refuse(
                "withdrawn",
                format!("write why it must not run any more, 1 to {REASON_BYTES} bytes of text; leave the field out while it may"),
            );
        }
        text.map(str::to_owned)
    }

    fn upgrades_from(&mut self, version: Option<Version>) -> Option<i32> {
        let value = self.fields.get("upgradesFrom").filter(|value| !value.is_null())?;
        let major =
            value.as_i64().and_then(|major| i32::try_from(major).ok()).filter(|major| MAJORS.contains(major));
        let fits = major.filter(|major| version.is_none_or(|version| *major < version.major));
        if fits.is_none() {
            let majors = MAJORS.map(|major| major.to_string()).join(" and ");
            self.refuse(
                "upgradesFrom",
                format!("write an older major than the image's own, as 15, of those that this release runs ({majors}); leave the field out for an image with one server"),
            );
        }
        fits
    }
}

/// A value in a message; long ones are cut, since a condition has its limits.
fn shown(value: Option<&Value>) -> String {
    const MOST: usize = 80;
    let text = match value {
        None => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
