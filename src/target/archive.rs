//! The WAL archive that the spec asks for, checked as far as it can be without asking the archive itself.

use serde_json::Value;

use crate::api::{Archive, GcsArchive};
use crate::archive::{ArchiveTarget, Login, Place, stanza, unfit_to_seal};
use crate::observe::{Observed, SecretData};
use crate::secret::SecretText;
use crate::tuning::units::quantity_bytes;

use super::Problem;
use super::problem::OWN_SECRET;
use super::storage::human;

const BUCKET: &str = "spec.backup.archive.gcs.bucket";
const KEY: &str = "spec.backup.archive.gcs.serviceAccountSecret";
const AUTHORITY: &str = "spec.backup.archive.gcs.caSecret";
const BACKLOG: &str = "spec.backup.archive.maxBacklog";
const SEALED_TO: &str = "spec.backup.archive.escrow.publicKey";
/// Least WAL that may wait, in bytes: four segments, which a restart of the archiver alone can take.
const LEAST_BACKLOG: u64 = 64 << 20;

/// The archive; none when none is asked for.
pub fn check(
    seen: &Observed,
    generation: u32,
    storage_bytes: u64,
    problems: &mut Vec<Problem>,
) -> Option<ArchiveTarget> {
    let archive = seen.cluster.spec.backup.archive.as_ref()?;
    let meta = &seen.cluster.metadata;
    let name = seen.name();
    Some(ArchiveTarget {
        stanza: stanza(&name.namespace, &name.name, meta.uid.as_deref().unwrap_or_default(), generation),
        place: place(seen, archive, problems)?,
        max_backlog: backlog(archive, storage_bytes, problems),
        retention_days: archive.retention_days,
        escrow: escrow(archive, problems),
    })
}

fn place(seen: &Observed, archive: &Archive, problems: &mut Vec<Problem>) -> Option<Place> {
    match (&archive.gcs, &archive.volume) {
        (Some(gcs), None) => Some(bucket(seen, gcs, problems)),
        (None, Some(volume)) => Some(Place::Volume { claim: volume.claim.clone() }),
        (gcs, _) => {
            let given = if gcs.is_some() { "gcs and volume" } else { "" };
            let remedy = "it needs one place: give either gcs or volume, and not both";
            problems.push(Problem::new("spec.backup.archive", given, remedy));
            None
        }
    }
}

fn bucket(seen: &Observed, gcs: &GcsArchive, problems: &mut Vec<Problem>) -> Place {
    if let Some(why) = unfit(&gcs.bucket) {
        problems.push(Problem::new(BUCKET, &gcs.bucket, why));
    }
    if let Some(port) = gcs.endpoint.as_deref().and_then(|host| host.rsplit_once(':')).map(|(_, port)| port)
        && port.parse::<u16>().is_err()
    {
        let field = "spec.backup.archive.gcs.endpoint";
        problems.push(Problem::new(
            field,
            gcs.endpoint.clone().unwrap_or_default(),
            "its port is from 1 to 65535",
        ));
    }
    let login = match (&gcs.service_account_secret, gcs.anonymous) {
        (Some(secret), _) => {
            problems.extend(secret_problem(seen, KEY, secret, "key.json", service_account));
            Login::Key(secret.clone())
        }
        (None, true) => Login::Anonymous,
        (None, false) => Login::Workload,
    };
    if let Some(secret) = &gcs.ca_secret {
        problems.extend(secret_problem(seen, AUTHORITY, secret, "ca.crt", certificate));
    }
    Place::Gcs {
        bucket: gcs.bucket.clone(),
        prefix: gcs.prefix.clone(),
        endpoint: gcs.endpoint.clone(),
        login,
        authority: gcs.ca_secret.clone(),
    }
}

/// What Google allows of bucket names and the schema can't say (cloud.google.com/storage/docs/buckets#naming).
fn unfit(bucket: &str) -> Option<&'static str> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(3..=63).contains(&bucket.len()) {
        Some("write 3 to 63 characters")
    } else if bucket.starts_with("goog") || bucket.contains("google") || bucket.contains("g00gle") {
        Some("names with google or that begin with goog are Google's own: choose another bucket")
    } else if bucket.contains("..") || bucket.contains("-.") || bucket.contains(".-") {
        Some("a dot stands between letters or digits alone")
    } else if bucket.split('.').count() == 4 && bucket.split('.').all(number) {
        Some("a bucket can't look like an address")
    } else {
        None
    }
}

/// What is wrong with a Secret that the spec names; `fault` judges its entry.
fn secret_problem(
    seen: &Observed,
    field: &str,
    secret: &str,
    key: &str,
    fault: fn(&str) -> Option<&'static str>,
) -> Option<Problem> {
    if seen.name().own_secrets().iter().any(|own| own == secret) {
        return Some(Problem::new(field, secret, OWN_SECRET));
    }
    let data: Option<&SecretData> = seen.given.secrets.get(secret).and_then(Option::as_ref);
    let Some(data) = data else {
        return Some(Problem::new(
            field,
            secret,
            format!("no Secret of this name is in the namespace: create it with the entry {key}"),
        ));
    };
    match data.get(key).map(SecretText::expose) {
        None => Some(Problem::new(field, secret, format!("the Secret has no entry {key}: add it"))),
        Some(text) => fault(text).map(|why| Problem::new(field, secret, why)),
    }
}

fn service_account(text: &str) -> Option<&'static str> {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let good = parsed.is_some_and(|key| {
        key["type"] == "service_account"
            && ["client_email", "private_key", "token_uri"].iter().all(|part| key[part].is_string())
    });
    (!good).then_some(
        "its entry key.json is no key of a service account: put in the JSON file that gcloud iam service-accounts keys create writes",
    )
}

fn certificate(text: &str) -> Option<&'static str> {
    (!text.contains("-----BEGIN CERTIFICATE-----")).then_some("its entry ca.crt holds no certificate in PEM")
}

/// The key that the passphrase is sealed to. It is no value that is shown: somebody may have given the private one.
fn escrow(archive: &Archive, problems: &mut Vec<Problem>) -> Option<String> {
    let key = &archive.escrow.as_ref()?.public_key;
    match unfit_to_seal(key) {
        None => Some(key.clone()),
        Some(why) => {
            problems.push(Problem::new(SEALED_TO, "-", why));
            None
        }
    }
}

fn backlog(archive: &Archive, storage_bytes: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let text = &archive.max_backlog.as_ref()?.0;
    match quantity_bytes(text) {
        Some(bytes) if bytes >= LEAST_BACKLOG && bytes < storage_bytes => return Some(bytes),
        Some(bytes) if bytes >= LEAST_BACKLOG => problems.push(Problem::new(
            BACKLOG,
            text,
            format!(
                "less than spec.storage.size ({}), or the volume is full before anything is given up",
                human(storage_bytes)
            ),
        )),
        _ => problems.push(Problem::new(
            BACKLOG,
            text,
            "at least 64Mi, as 1Gi: one slow minute must not make a gap",
        )),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{entries, observed, start, target};
    use serde_json::json;

    fn problems(archive: Value, secrets: &[(&str, &[(&str, &str)])]) -> Vec<String> {
        let mut seen = observed(json!({"backup": {"archive": archive}}));
        for (name, data) in secrets {
            seen.given.secrets.insert((*name).to_owned(), Some(entries(data)));
        }
        let found = crate::target::validate(&seen, start()).err().unwrap_or_default();
        found.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_bucket_that_google_would_not_make_is_refused_with_the_reason() {
        for (name, why) in
            [("goog-wal", "Google's own"), ("a.-b", "a dot stands"), ("10.0.0.1", "an address")]
        {
            let told = problems(json!({"gcs": {"bucket": name}}), &[]);
            assert!(
                told[0].starts_with(&format!("{BUCKET} is '{name}': ")) && told[0].contains(why),
                "{told:?}"
            );
        }
        assert_eq!(problems(json!({"gcs": {"bucket": "wal.example-1"}}), &[]), [""; 0]);
    }

    #[test]
    fn an_archive_has_one_place() {
        let both = problems(json!({"gcs": {"bucket": "wal"}, "volume": {"claim": "wal"}}), &[]);
        assert!(both[0].contains("is 'gcs and volume': it needs one place"), "{both:?}");
        assert!(problems(json!({}), &[])[0].contains("it needs one place"));
    }

    #[test]
    fn a_key_that_is_none_is_told_before_the_first_push_fails() {
        let gcs = json!({"gcs": {"bucket": "wal", "serviceAccountSecret": "sa"}});
        assert!(problems(gcs.clone(), &[])[0].contains("create it with the entry key.json"));
        assert!(problems(gcs.clone(), &[("sa", &[("k", "")])])[0].contains("has no entry key.json"));
        assert!(problems(gcs.clone(), &[("sa", &[("key.json", "{}")])])[0].contains("gcloud iam"));
        let key =
            r#"{"type":"service_account","client_email":"a@b","private_key":"k","token_uri":"https://t"}"#;
        assert_eq!(problems(gcs, &[("sa", &[("key.json", key)])]), [""; 0]);
        let own = problems(json!({"gcs": {"bucket": "wal", "caSecret": "c-ca"}}), &[]);
        assert!(own[0].contains("keeps this Secret for itself"), "{own:?}");
    }

    #[test]
    fn wal_is_given_up_neither_at_once_nor_after_the_volume_is_full() {
        let of = |size: &str| problems(json!({"gcs": {"bucket": "wal"}, "maxBacklog": size}), &[]);
        assert!(of("32Mi")[0].contains("at least 64Mi"));
        assert!(of("2Gi")[0].contains("less than spec.storage.size (2Gi)"));
        assert_eq!(of("1Gi"), [""; 0]);
    }

    #[test]
    fn a_key_that_can_t_seal_is_refused_and_a_private_one_is_shown_to_nobody_more() {
        let given = |key: &str| json!({"gcs": {"bucket": "wal"}, "escrow": {"publicKey": key}});
        let private = problems(given("-----BEGIN PRIVATE KEY-----\nMIIhush\n-----END PRIVATE KEY-----"), &[]);
        assert!(private[0].starts_with(SEALED_TO) && private[0].contains("make another pair"), "{private:?}");
        assert!(!private[0].contains("hush"));
        let good = given(include_str!("../../tests/keys/escrow-2048.pem"));
        let archive = target(&observed(json!({"backup": {"archive": good}}))).archive.unwrap();
        assert!(archive.escrow.unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
    }

    #[test]
    fn the_part_of_the_archive_is_the_clusters_own() {
        let seen = observed(json!({"backup": {"archive": {"volume": {"claim": "wal"}}}}));
        let archive = target(&seen).archive.unwrap();
        assert_eq!(
            (archive.stanza.as_str(), archive.place.human().as_str()),
            ("shop-c-u1", "volume claim wal")
        );
    }
}
