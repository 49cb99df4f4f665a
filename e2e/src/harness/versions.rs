//! Versions of PostgreSQL that there are images of, as `images/engine-images.sh env` tells them: found at build time, never
//! written here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::broken::{Broken, Kept};

use super::child;

/// What the images offer.
pub struct Versions {
    all: BTreeMap<String, String>,
    /// The newest major.
    pub major: String,
    /// Its newest minor, as `17.91`.
    pub newest: String,
    /// The image of that.
    pub newest_image: String,
    /// The older major, to be upgraded from.
    pub old_major: String,
    /// Its newest minor.
    pub old_newest: String,
    /// The image of that.
    pub old_newest_image: String,
    /// The version of the older major's other image: another minor where there is one, else the same.
    pub old_other: String,
    /// That image.
    pub old_other_image: String,
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
            major: get("PG_MAJOR")?,
            newest: get("PG_NEWEST")?,
            newest_image: get("PG_NEWEST_IMAGE")?,
            old_major: get("OLD_MAJOR")?,
            old_newest: get("OLD_NEWEST")?,
            old_newest_image: get("OLD_NEWEST_IMAGE")?,
            old_other: get("OLD_OTHER")?,
            old_other_image: get("OLD_OTHER_IMAGE")?,
            all,
        })
    }

    /// The older major's other image, in words.
    pub fn old_other_name(&self) -> String {
        if self.old_other == self.old_newest {
            format!("another build of {}, as there is no other minor,", self.old_newest)
        } else {
            self.old_other.clone()
        }
    }

    /// All of them, for shell suites.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "PG_MAJOR=17\nexport PG_NEWEST='17.91'\nPG_NEWEST_IMAGE=a\nPG_OTHER_KIND=build\n\nOLD_MAJOR=15\nOLD_NEWEST=15.92\n\
                        OLD_NEWEST_IMAGE=\"localhost/postgres:15.92@sha256:a\"\nOLD_OTHER=15.90\nOLD_OTHER_IMAGE=b\n";

    #[test]
    fn lines_of_a_shell_are_read() {
        let versions = Versions::read(TOLD).unwrap();
        assert_eq!((versions.newest.as_str(), versions.old_newest.as_str()), ("17.91", "15.92"));
        assert_eq!(versions.old_newest_image, "localhost/postgres:15.92@sha256:a");
        assert_eq!(versions.environment()["PG_OTHER_KIND"], "build");
        assert_eq!(versions.old_other_name(), "15.90");
    }

    #[test]
    fn a_second_build_is_told_as_one() {
        let versions = Versions::read(&TOLD.replace("OLD_OTHER=15.90", "OLD_OTHER=15.92")).unwrap();
        assert!(versions.old_other_name().starts_with("another build of 15.92"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = Versions::read("PG_MAJOR=17\n").map(|_| ()).unwrap_err().to_string();
        assert!(why.contains("PG_NEWEST"), "{why}");
    }
}
