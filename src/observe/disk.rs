//! How full a member's volume is, by the member's own word.

/// How full a member's volume is. The member writes only a change of this word, so that it is cheap, and it can be read
/// while Postgres is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskUse {
    /// Less than 85 % used, or not told yet.
    #[default]
    Roomy,
    /// 85 % used or more.
    Filling,
    /// 95 % used or more.
    AlmostFull,
    /// Less than one WAL segment (16 MiB) free: Postgres stops.
    Full,
}

impl DiskUse {
    /// The annotation's word (`images/postgres/member_disk.py`). A word that is not known counts as none.
    pub fn parse(word: Option<&str>) -> Self {
        match word {
            Some("filling") => DiskUse::Filling,
            Some("almost-full") => DiskUse::AlmostFull,
            Some("full") => DiskUse::Full,
            _ => DiskUse::Roomy,
        }
    }
}
