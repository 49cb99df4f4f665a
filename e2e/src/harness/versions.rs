//! Versions of PostgreSQL that there are images of, as `images/engine-images.sh env` tells them: found at build time, never
//! written here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::broken::{Broken, Kept};

use super::child;

/// What the images offer.
pub struct Versions {
    all: BTreeMap<String, String>,
    /// Newest minor of the newest major, as `17.91`.
    pub newest: String,
    /// Its image.
    pub newest_image: String,
    /// The version of the other image: another minor where there is one, else the same.
    pub other: String,
    /// Another image of the same major.
    pub other_image: String,
    /// The newest major.
    pub major: String,
    /// Newest minor of the older major.
    pub old_newest: String,
}

impl Versions {
    /// Asks the images' script.
    ///
    /// # Errors
    /// When it fails, or a value is missing.
    pub async fn ask(root: &Path) -> Kept<Self> {
        let script = root.join("images/engine-images.sh");
        Self::read(&child::output(root, &[&script.to_string_lossy(), "env"]).await?)
    }

    /// From `NAME=value` lines, with or without `export` and quotes.
    fn read(text: &str) -> Kept<Self> {
        let all: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("export ").split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
            .collect();
        let get = |name: &str| {
            let value = all.get(name).filter(|value| !value.is_empty()).cloned();
            value.ok_or_else(|| Broken::new(format!("images/engine-images.sh env tells no {name}")))
        };
        Ok(Self {
            newest: get("PG_NEWEST")?,
            newest_image: get("PG_NEWEST_IMAGE")?,
            other: get("PG_OTHER")?,
            other_image: get("PG_OTHER_IMAGE")?,
            major: get("PG_MAJOR")?,
            old_newest: get("OLD_NEWEST")?,
            all,
        })
    }

    /// All of them, for shell suites.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "PG_MAJOR=17\nexport PG_NEWEST='17.91'\nPG_NEWEST_IMAGE=\"localhost/postgres:17.91\"\n\
                        PG_OTHER=17.91\nPG_OTHER_IMAGE=localhost/postgres:17.91-b\nOLD_NEWEST=15.92\n\nPG_OTHER_KIND=build\n";

    #[test]
    fn lines_of_a_shell_are_read() {
        let versions = Versions::read(TOLD).unwrap();
        assert_eq!((versions.newest.as_str(), versions.old_newest.as_str()), ("17.91", "15.92"));
        assert_eq!(versions.newest_image, "localhost/postgres:17.91");
        assert_eq!(versions.environment()["PG_OTHER_KIND"], "build");
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = Versions::read("PG_MAJOR=17\n").map(|_| ()).unwrap_err().to_string();
        assert!(why.contains("PG_NEWEST"), "{why}");
    }
}
