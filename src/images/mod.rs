//! The image catalog: which version of the server is which image, and what is no longer to be run.
//!
//! It is a ConfigMap in the operator's own namespace, where tenants can't write. All here is pure: [`parse`] reads its text, and
//! [`choose`] says what one cluster runs, given its spec, the catalog and what it runs now. Why: `docs/decisions/0023-image-catalog.md`.

mod choose;
mod entry;
mod parse;
mod reference;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::api::Flavor;
use crate::target::{Problem, Version};

pub use choose::{Ask, Choice, Doubt, Running, Standing, choose, for_upgrade, going_on};
pub use entry::Entry;
pub use parse::parse;
pub use reference::{majors, short, version};

/// Name of the ConfigMap, in the operator's namespace.
pub const CONFIG_MAP: &str = "stylobate-engine-images";
/// Its entry with the list.
pub const KEY: &str = "images.yaml";

/// The catalog as it is seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CatalogSeen {
    /// There is no ConfigMap of its name.
    #[default]
    Missing,
    /// It is refused as a whole, for these reasons.
    Invalid(Arc<Vec<Problem>>),
    /// It counts.
    Good(Arc<ImageCatalog>),
}

impl CatalogSeen {
    /// From the entry of the ConfigMap; none where the ConfigMap does not have it.
    pub fn of(text: Option<&str>) -> Self {
        let Some(text) = text else {
            let lack = format!("the ConfigMap needs this entry, a list of images; see {EXAMPLE}");
            return CatalogSeen::Invalid(Arc::new(vec![Problem::new(KEY, "", lack)]));
        };
        match parse(text) {
            Ok(catalog) => CatalogSeen::Good(Arc::new(catalog)),
            Err(problems) => CatalogSeen::Invalid(Arc::new(problems)),
        }
    }

    /// The catalog where it counts.
    pub fn good(&self) -> Option<&ImageCatalog> {
        match self {
            CatalogSeen::Good(catalog) => Some(catalog),
            CatalogSeen::Missing | CatalogSeen::Invalid(_) => None,
        }
    }
}

/// What a list looks like, for whoever has none.
pub const EXAMPLE: &str = "docs/image-catalog.md";

/// Images of servers, in the order of the list. Each is checked, and none is there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCatalog {
    entries: Vec<Entry>,
}

impl ImageCatalog {
    /// A catalog of entries that are known to be good.
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// All of them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The image of this very version, withdrawn or not; with `from`, the one that has the server of that older major as well.
    pub fn find(&self, flavor: Flavor, version: Version, from: Option<i32>) -> Option<&Entry> {
        let same =
            |entry: &&Entry| (entry.flavor, entry.version, entry.upgrades_from) == (flavor, version, from);
        self.entries.iter().find(same)
    }

    /// The newest image of a major that is not withdrawn; with `from` as in [`ImageCatalog::find`].
    pub fn newest(&self, flavor: Flavor, major: i32, from: Option<i32>) -> Option<&Entry> {
        let fits = |entry: &&Entry| {
            (entry.flavor, entry.version.major, entry.upgrades_from) == (flavor, major, from)
                && entry.withdrawn.is_none()
        };
        self.entries.iter().filter(fits).max_by_key(|entry| entry.version)
    }

    /// What can be asked for, in words, as `17.91, 17.90, 15.90`.
    pub fn offered(&self, flavor: Flavor) -> String {
        let plain = |entry: &&Entry| {
            entry.flavor == flavor && entry.upgrades_from.is_none() && entry.withdrawn.is_none()
        };
        let mut versions: Vec<Version> =
            self.entries.iter().filter(plain).map(|entry| entry.version).collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        let mut text = String::new();
        for version in versions {
            let _ = write!(text, "{}{version}", if text.is_empty() { "" } else { ", " });
        }
        if text.is_empty() { "nothing".into() } else { text }
    }
}

/// Where the catalog stands, for messages.
pub fn place(namespace: &str) -> String {
    format!("the image catalog (ConfigMap {CONFIG_MAP} in namespace {namespace})")
}
