//! A server version. PostgreSQL counts major and minor since 10.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Majors that this release can run, the one for new clusters first. The older one is there to be upgraded from: Debian's
/// release before the last has it.
pub const MAJORS: [i32; 2] = [17, 15];

/// The server's own number has four digits for the minor.
const MOST_MINOR: i32 = 9999;

/// Major and minor, as 17.91; stored as that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Major, as 17.
    pub major: i32,
    /// Minor, as 91.
    pub minor: i32,
}

impl Version {
    /// Reads a version of any major, as the status tells it. Only its usual form counts, as `17.91`: no sign, no leading zero.
    pub fn read(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let minor = number(minor).filter(|minor| *minor <= MOST_MINOR)?;
        Some(Self { major: number(major)?, minor })
    }

    /// From the server's own number, as 170091.
    pub fn from_number(number: i64) -> Self {
        Self { major: (number / 10_000) as i32, minor: (number % 10_000) as i32 }
    }
}

/// A number in its usual form.
fn number(text: &str) -> Option<i32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits && (text == "0" || !text.starts_with('0')))
}

/// What `spec.engine.version` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A major: its newest minor that is offered.
    Major(i32),
    /// This very minor.
    Exact(Version),
}

impl Wanted {
    /// Reads `17` or `17.91`.
    ///
    /// # Errors
    /// What is allowed instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = match number(text) {
            Some(major) => Some(Wanted::Major(major)),
            None => Version::read(text).map(Wanted::Exact),
        };
        read.filter(|wanted| MAJORS.contains(&wanted.major())).ok_or_else(|| {
            let majors = MAJORS.map(|major| major.to_string()).join(" or ");
            format!(
                "write a major, {majors}, to have its newest minor that the image catalog offers, or an exact minor, as {}.91",
                MAJORS[0]
            )
        })
    }

    /// The major.
    pub fn major(self) -> i32 {
        match self {
            Wanted::Major(major) => major,
            Wanted::Exact(version) => version.major,
        }
    }

    /// True for a version that it asks for.
    pub fn takes(self, version: Version) -> bool {
        match self {
            Wanted::Major(major) => version.major == major,
            Wanted::Exact(exact) => version == exact,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Major(major) => major.fmt(f),
            Wanted::Exact(version) => version.fmt(f),
        }
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
        for text in ["17", "17.91", "15", "15.0"] {
            assert_eq!(Wanted::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Version::from_number(170_091).to_string(), "17.91");
        for bad in
            ["16", "16.1", "17.x", "17.", "17.091", "+17", "17.-1", "", "latest", "17.91.2", "17.10000"]
        {
            let allowed = Wanted::parse(bad).unwrap_err();
            assert!(
                allowed.contains("a major, 17 or 15") && allowed.contains("as 17.91"),
                "{bad}: {allowed}"
            );
        }
    }
}
