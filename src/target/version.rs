//! A server version. PostgreSQL counts major and minor since 10.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Majors that this release can run, the one for new clusters first. The older one is there to be upgraded from: Debian's
/// release before the last has it.
pub const MAJORS: [i32; 2] = [17, 15];

/// Major and minor, as 17.91; stored as that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Major, as 17.
    pub major: i32,
    /// Minor, as 12.
    pub minor: i32,
}

impl Version {
    /// Reads `17.91`.
    ///
    /// # Errors
    /// What is allowed instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = || format!("write a version as 17.91; majors that can run: {MAJORS:?}");
        let version = Self::read(text).ok_or_else(allowed)?;
        if MAJORS.contains(&version.major) && version.minor >= 0 { Ok(version) } else { Err(allowed()) }
    }

    /// Reads a version of any major, as the status tells it.
    pub fn read(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// From the server's own number, as 170091.
    pub fn from_number(number: i64) -> Self {
        Self { major: (number / 10_000) as i32, minor: (number % 10_000) as i32 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| format!("{text} is no version as 17.91"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back_as_written() {
        assert_eq!(Version::parse("17.91").unwrap().to_string(), "17.91");
        assert_eq!(Version::from_number(170_091).to_string(), "17.91");
        for bad in ["17", "16.1", "17.x", "", "latest"] {
            assert!(Version::parse(bad).is_err(), "{bad}");
        }
    }
}
