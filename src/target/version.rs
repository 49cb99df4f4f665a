//! A server version. PostgreSQL counts major and minor since 10.

use std::fmt;

/// Majors that this release can run.
pub const MAJORS: [i32; 1] = [17];

/// Major and minor, as 17.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major, as 17.
    pub major: i32,
    /// Minor, as 12.
    pub minor: i32,
}

impl Version {
    /// Reads `17.12`.
    ///
    /// # Errors
    /// What is allowed instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = || format!("write a version as 17.12; majors that can run: {MAJORS:?}");
        let (major, minor) = text.split_once('.').ok_or_else(allowed)?;
        let version = Self {
            major: major.parse().map_err(|_| allowed())?,
            minor: minor.parse().map_err(|_| allowed())?,
        };
        if MAJORS.contains(&version.major) && version.minor >= 0 { Ok(version) } else { Err(allowed()) }
    }

    /// From the server's own number, as 170012.
    pub fn from_number(number: i64) -> Self {
        Self { major: (number / 10_000) as i32, minor: (number % 10_000) as i32 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back_as_written() {
        assert_eq!(Version::parse("17.12").unwrap().to_string(), "17.12");
        assert_eq!(Version::from_number(170_012).to_string(), "17.12");
        for bad in ["17", "16.1", "17.x", "", "latest"] {
            assert!(Version::parse(bad).is_err(), "{bad}");
        }
    }
}
