//! What settings a server knows: name, type, unit, range, when a change takes effect, default.
//!
//! The live server's `pg_settings` is the truth. Before any server answers, and for a major that does not run yet, a
//! bundled copy of what our image's server says stands in: `src/tuning/catalog/<major>.tsv`, the output of `query.sql` with the
//! image's libraries loaded. `images/catalog.sh` writes it; `make test-images` fails when it differs from the server.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::suggest::nearest;

/// The question to a server. Its columns are those of [`Catalog::of_rows`], all text.
pub const QUERY: &str = include_str!("catalog/query.sql");
/// Columns of the question.
pub const COLUMNS: usize = 8;

/// Type of a setting, with what it allows.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// On or off.
    Bool,
    /// A whole number of base units.
    Integer(Range),
    /// A number of base units.
    Real(Range),
    /// One of these words.
    Enum(Vec<String>),
    /// Any text.
    Text,
}

/// What a number may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Least, in base units.
    pub min: f64,
    /// Most, in base units.
    pub max: f64,
    /// Base unit; none for a plain number.
    pub unit: Option<Unit>,
}

/// A base unit as `pg_settings.unit` has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Memory: bytes in one.
    Memory(f64),
    /// Time: microseconds in one.
    Time(f64),
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let count: f64 = if split == 0 { 1.0 } else { text[..split].parse().ok()? };
        let word = &text[split..];
        let size = |(_, factor): &(&str, f64)| factor * count;
        MEMORY
            .iter()
            .find(|unit| unit.0 == word)
            .map(|unit| Unit::Memory(size(unit)))
            .or_else(|| TIME.iter().find(|unit| unit.0 == word).map(|unit| Unit::Time(size(unit))))
    }

    /// Words that a person may write behind a number, with what each counts, the largest first.
    pub fn words(self) -> &'static [(&'static str, f64)] {
        match self {
            Unit::Memory(_) => &MEMORY,
            Unit::Time(_) => &TIME,
        }
    }

    /// What one base unit counts: bytes or microseconds.
    pub fn size(self) -> f64 {
        match self {
            Unit::Memory(size) | Unit::Time(size) => size,
        }
    }
}

/// Units of memory in bytes, with a case (PostgreSQL 17 manual, section 19.1.1).
const MEMORY: [(&str, f64); 5] =
    [("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1024.0), ("B", 1.0)];
/// Units of time in microseconds (the same section).
const TIME: [(&str, f64); 6] = [
    ("d", 86_400_000_000.0),
    ("h", 3_600_000_000.0),
    ("min", 60_000_000.0),
    ("s", 1_000_000.0),
    ("ms", 1000.0),
    ("us", 1.0),
];

/// When a change takes effect: `pg_settings.context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Never: it was fixed when the server was built or its data was made.
    Internal,
    /// When the server starts.
    Restart,
    /// At a reload, in all sessions that did not set it themselves.
    Reload,
    /// At a reload, in connections that are made afterwards.
    NewConnections,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Context::Internal => "never",
            Context::Restart => "restart",
            Context::Reload => "reload",
            Context::NewConnections => "new connections",
        })
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name as the server writes it, as `TimeZone`.
    pub name: String,
    /// Type and what it allows.
    pub kind: Kind,
    /// When a change takes effect.
    pub context: Context,
    /// The server's built-in default, in base units; may be empty.
    pub default: String,
}

/// All settings of one server, by name in lower case: Postgres takes names in any case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog(BTreeMap<String, Entry>);

impl Catalog {
    /// A catalog from the rows of [`QUERY`]. A row whose type or context is not known is left out.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = [&'a str; COLUMNS]>) -> Self {
        let entries =
            rows.into_iter().filter_map(entry).map(|entry| (entry.name.to_ascii_lowercase(), entry));
        Self(entries.collect())
    }

    /// A catalog from lines with a tab between columns; `#` begins a comment.
    pub fn of_lines(text: &str) -> Self {
        let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            columns.try_into().ok()
        });
        Self::of_rows(rows)
    }

    /// What our image's server of a major says of itself; none for a major that is not bundled.
    pub fn bundled(major: i32) -> Option<Arc<Self>> {
        static FIFTEEN: OnceLock<Arc<Catalog>> = OnceLock::new();
        static SEVENTEEN: OnceLock<Arc<Catalog>> = OnceLock::new();
        let (cell, text) = match major {
            15 => (&FIFTEEN, include_str!("catalog/15.tsv")),
            17 => (&SEVENTEEN, include_str!("catalog/17.tsv")),
            _ => return None,
        };
        Some(cell.get_or_init(|| Arc::new(Self::of_lines(text))).clone())
    }

    /// A setting by its name in any case.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// The known name that is most like this one; none when none is alike.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let found = nearest(&name.to_ascii_lowercase(), self.0.keys().map(String::as_str))?;
        Some(&self.0[found].name)
    }

    /// True when a setting of this extension (the part of its name before the dot) is known.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        let start = format!("{}.", prefix.to_ascii_lowercase());
        self.0.keys().any(|name| name.starts_with(&start))
    }

    /// True when nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The question tells internal settings without type and range: nobody can set them, and some differ with each version.
fn entry(row: [&str; COLUMNS]) -> Option<Entry> {
    let [name, kind, unit, min, max, words, context, default] = row;
    let range = || Some(Range { min: min.parse().ok()?, max: max.parse().ok()?, unit: Unit::parse(unit) });
    let kind = match kind {
        "bool" => Kind::Bool,
        "integer" => Kind::Integer(range()?),
        "real" => Kind::Real(range()?),
        "enum" => Kind::Enum(words.split(',').map(str::to_owned).collect()),
        "string" => Kind::Text,
        _ => return None,
    };
    let context = match context {
        "internal" => Context::Internal,
        "postmaster" => Context::Restart,
        "sighup" | "superuser" | "user" => Context::Reload,
        "backend" | "superuser-backend" => Context::NewConnections,
        _ => return None,
    };
    Some(Entry { name: name.to_owned(), kind, context, default: default.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_bundled_catalog_is_read() {
        let catalog = Catalog::bundled(17).unwrap();
        assert_eq!(catalog.0.len(), include_str!("catalog/17.tsv").lines().count());
        assert!(catalog.0.len() > 350);
        let buffers = catalog.get("Shared_Buffers").unwrap();
        assert_eq!((buffers.context, buffers.default.as_str()), (Context::Restart, "16384"));
        let Kind::Integer(range) = &buffers.kind else { panic!("{buffers:?}") };
        assert_eq!(range.unit, Some(Unit::Memory(8192.0)));
        assert_eq!(catalog.get("timezone").unwrap().name, "TimeZone");
        assert!(catalog.has_prefix("pgaudit") && catalog.has_prefix("pg_stat_statements"));
    }

    #[test]
    fn every_major_that_can_run_has_a_catalog_with_all_computed_settings() {
        for major in crate::target::MAJORS {
            let catalog = Catalog::bundled(major).unwrap();
            let machine = crate::tuning::Machine { memory: 1 << 30, storage: 10 << 30, cpu: 1000 };
            for name in crate::tuning::computed::computed(machine).keys() {
                assert!(catalog.get(name).is_some(), "{name} in PostgreSQL {major}");
            }
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_nonsense_finds_none() {
        let catalog = Catalog::bundled(17).unwrap();
        assert_eq!(catalog.nearest("work_mam"), Some("work_mem"));
        assert_eq!(catalog.nearest("workmem"), Some("work_mem"));
        assert_eq!(catalog.nearest("shared_bufers"), Some("shared_buffers"));
        assert_eq!(catalog.nearest("timezon"), Some("TimeZone"));
        assert_eq!(catalog.nearest("elephants"), None);
    }
}
