//! Where an archive is, as a spec says it, and what of the namespace's Secrets is needed to get there.

use crate::api::{Archive, ArchivePlace, GcsArchive, S3Archive, VolumeArchive};

/// Entry of a Secret with the key of a service account of Google Cloud.
pub const GCS_KEY: &str = "key.json";
/// Entry of a Secret with the name of an access key of S3, as tools of that world call it.
pub const S3_KEY: &str = "AWS_ACCESS_KEY_ID";
/// Entry of a Secret with the access key itself.
pub const S3_SECRET: &str = "AWS_SECRET_ACCESS_KEY";
/// Entry of a Secret with the authority of an endpoint's certificate.
pub const AUTHORITY: &str = "ca.crt";

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// Bucket.
        bucket: String,
        /// Folder in it.
        prefix: String,
        /// Host and port in place of Google's.
        endpoint: Option<String>,
        /// How members show who they are.
        login: Login,
        /// Secret with the authority of the endpoint's certificate.
        authority: Option<String>,
    },
    /// A bucket of Amazon S3, or of a store that speaks its language.
    S3 {
        /// Bucket.
        bucket: String,
        /// Folder in it.
        prefix: String,
        /// Region.
        region: String,
        /// Host and port in place of Amazon's.
        endpoint: Option<String>,
        /// The bucket is named in the path of a request, not in its host.
        path_style: bool,
        /// Secret with the access key.
        credentials: String,
        /// Secret with the authority of the endpoint's certificate.
        authority: Option<String>,
    },
    /// A volume that members mount.
    Volume {
        /// Claim.
        claim: String,
    },
}

/// How members show who they are to a bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// As their ServiceAccount, by Workload Identity.
    Workload,
    /// By the key of a service account, in this Secret.
    Key(String),
    /// Not at all.
    Anonymous,
}

impl Place {
    /// The one place of an archive; none of a spec that has several, or none.
    pub fn of(archive: &Archive) -> Option<Self> {
        match (&archive.gcs, &archive.s3, &archive.volume) {
            (Some(gcs), None, None) => Some(gcs.into()),
            (None, Some(s3), None) => Some(s3.into()),
            (None, None, Some(volume)) => Some(volume.into()),
            _ => None,
        }
    }

    /// The second place of an archive; none of a spec without one, or with several.
    pub fn second(archive: &Archive) -> Option<Self> {
        let second = archive.second.as_ref()?;
        match (&second.gcs, &second.s3) {
            (Some(gcs), None) => Some(gcs.into()),
            (None, Some(s3)) => Some(s3.into()),
            _ => None,
        }
    }

    /// The bucket that a restore reads.
    pub fn source(archive: &Archive, which: ArchivePlace) -> Option<Self> {
        match which {
            ArchivePlace::First => Self::of(archive).filter(Self::is_bucket),
            ArchivePlace::Second => Self::second(archive),
        }
    }

    /// All places of an archive.
    pub fn all(archive: &Archive) -> impl Iterator<Item = Self> {
        Self::of(archive).into_iter().chain(Self::second(archive))
    }

    /// As a person would name it. Two that are named alike are the same.
    pub fn human(&self) -> String {
        let at = |host: &Option<String>| host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
        match self {
            Self::Gcs { bucket, prefix, endpoint, .. } => format!("gs://{bucket}/{prefix}{}", at(endpoint)),
            Self::S3 { bucket, prefix, endpoint, .. } => format!("s3://{bucket}/{prefix}{}", at(endpoint)),
            Self::Volume { claim } => format!("volume claim {claim}"),
        }
    }

    /// Name of its field in `spec.backup.archive`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Gcs { .. } => "gcs",
            Self::S3 { .. } => "s3",
            Self::Volume { .. } => "volume",
        }
    }

    /// True of a bucket, which any pod can read from; a volume has to be mounted.
    pub fn is_bucket(&self) -> bool {
        !matches!(self, Self::Volume { .. })
    }

    /// Secrets that lead to it, and the entry that is needed of each.
    pub fn needs(&self) -> Vec<(&String, &'static str)> {
        let (mut needs, authority) = match self {
            Self::Gcs { login: Login::Key(secret), authority, .. } => (vec![(secret, GCS_KEY)], authority),
            Self::Gcs { authority, .. } => (vec![], authority),
            Self::S3 { credentials, authority, .. } => {
                (vec![(credentials, S3_KEY), (credentials, S3_SECRET)], authority)
            }
            Self::Volume { .. } => return vec![],
        };
        needs.extend(authority.iter().map(|secret| (secret, AUTHORITY)));
        needs
    }
}

impl From<&GcsArchive> for Place {
    fn from(gcs: &GcsArchive) -> Self {
        Self::Gcs {
            bucket: gcs.bucket.clone(),
            prefix: gcs.prefix.clone(),
            endpoint: gcs.endpoint.clone(),
            login: match (&gcs.service_account_secret, gcs.anonymous) {
                (Some(secret), _) => Login::Key(secret.clone()),
                (None, true) => Login::Anonymous,
                (None, false) => Login::Workload,
            },
            authority: gcs.ca_secret.clone(),
        }
    }
}

impl From<&S3Archive> for Place {
    fn from(s3: &S3Archive) -> Self {
        Self::S3 {
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            region: s3.region.clone(),
            endpoint: s3.endpoint.clone(),
            path_style: s3.path_style,
            credentials: s3.credentials_secret.clone(),
            authority: s3.ca_secret.clone(),
        }
    }
}

impl From<&VolumeArchive> for Place {
    fn from(volume: &VolumeArchive) -> Self {
        Self::Volume { claim: volume.claim.clone() }
    }
}

/// Days for which WAL is kept in a place; none for as far back as backups are kept.
pub fn days(archive: &Archive, which: ArchivePlace) -> Option<i32> {
    let second = archive.second.as_ref().and_then(|second| second.retention_days);
    second.filter(|_| which == ArchivePlace::Second).or(archive.retention_days)
}

/// Host that answers for S3 in a region. China is a partition of its own, with a domain of its own.
pub fn s3_host(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("s3.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn place(archive: serde_json::Value) -> Option<Place> {
        Place::of(&serde_json::from_value(archive).unwrap())
    }

    #[test]
    fn an_archive_is_in_one_place_whatever_of() {
        let s3 = json!({"bucket": "wal", "region": "eu-central-1", "credentialsSecret": "aws"});
        let human = |archive| place(archive).map(|place| (place.field(), place.human()));
        assert_eq!(human(json!({"s3": s3})), Some(("s3", "s3://wal/stylobate".into())));
        assert_eq!(human(json!({"gcs": {"bucket": "wal"}})), Some(("gcs", "gs://wal/stylobate".into())));
        assert_eq!(human(json!({"volume": {"claim": "wal"}})), Some(("volume", "volume claim wal".into())));
        let elsewhere =
            json!({"bucket": "wal", "region": "r", "credentialsSecret": "k", "endpoint": "s3.lan:9000"});
        assert_eq!(human(json!({"s3": elsewhere})).unwrap().1, "s3://wal/stylobate at s3.lan:9000");
        for none in [json!({}), json!({"s3": s3, "gcs": {"bucket": "wal"}})] {
            assert_eq!(place(none), None);
        }
    }

    #[test]
    fn a_second_place_keeps_wal_as_long_as_the_first_unless_it_says_otherwise() {
        let read = |second: serde_json::Value| -> Archive {
            let first = json!({"bucket": "wal"});
            serde_json::from_value(json!({"gcs": first, "retentionDays": 7, "second": second})).unwrap()
        };
        let s3 = json!({"bucket": "far", "region": "r", "credentialsSecret": "aws"});
        let both =
            |archive: &Archive| [ArchivePlace::First, ArchivePlace::Second].map(|one| days(archive, one));
        let same = read(json!({"s3": s3}));
        assert_eq!(both(&same), [Some(7), Some(7)]);
        assert_eq!(both(&read(json!({"s3": s3, "retentionDays": 30}))), [Some(7), Some(30)]);
        let all: Vec<String> = Place::all(&same).map(|place| place.human()).collect();
        assert_eq!(all, ["gs://wal/stylobate", "s3://far/stylobate"]);
        let read_from = |which| Place::source(&same, which).map(|place| place.human());
        assert_eq!(read_from(ArchivePlace::Second).as_deref(), Some("s3://far/stylobate"));
        assert_eq!(read_from(ArchivePlace::First).as_deref(), Some("gs://wal/stylobate"));
    }

    #[test]
    fn what_leads_to_a_place_is_told_by_secret_and_entry() {
        let s3 = json!({"bucket": "wal", "region": "r", "credentialsSecret": "aws", "caSecret": "ca"});
        let place = place(json!({"s3": s3})).unwrap();
        let needs: Vec<_> =
            place.needs().into_iter().map(|(secret, entry)| (secret.as_str(), entry)).collect();
        assert_eq!(needs, [("aws", S3_KEY), ("aws", S3_SECRET), ("ca", AUTHORITY)]);
    }

    #[test]
    fn a_region_says_which_host_answers() {
        assert_eq!(s3_host("eu-central-1"), "s3.eu-central-1.amazonaws.com");
        assert_eq!(s3_host("cn-north-1"), "s3.cn-north-1.amazonaws.com.cn");
    }
}
