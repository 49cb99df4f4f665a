//! The WAL archive that the spec asks for, checked as far as it can be without asking the archive itself.

use serde_json::Value;

use crate::api::{Archive, ArchivePlace};
use crate::archive::{
    AUTHORITY, ArchiveTarget, GCS_KEY, Login, Place, S3_KEY, S3_SECRET, SecondTarget, days, stanza,
    unfit_to_seal,
};
use crate::observe::{Observed, SecretData};
use crate::secret::SecretText;
use crate::tuning::units::quantity_bytes;

use super::Problem;
use super::problem::OWN_SECRET;
use super::storage::human;

const FIELD: &str = "spec.backup.archive";
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
        second: second(seen, archive, problems),
        max_backlog: backlog(archive, storage_bytes, problems),
        retention_days: archive.retention_days,
        escrow: escrow(archive, problems),
    })
}

fn place(seen: &Observed, archive: &Archive, problems: &mut Vec<Problem>) -> Option<Place> {
    let Some(place) = Place::of(archive) else {
        let given = [
            ("gcs", archive.gcs.is_some()),
            ("s3", archive.s3.is_some()),
            ("volume", archive.volume.is_some()),
        ];
        let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        let remedy = "it needs one place: give gcs, s3 or volume, and only one of them";
        problems.push(Problem::new(FIELD, given.join(" and "), remedy));
        return None;
    };
    reachable(seen, FIELD, &place, problems);
    Some(place)
}

fn second(seen: &Observed, archive: &Archive, problems: &mut Vec<Problem>) -> Option<SecondTarget> {
    let spec = archive.second.as_ref()?;
    let field = format!("{FIELD}.second");
    let Some(place) = Place::second(archive) else {
        let given = if spec.gcs.is_some() { "gcs and s3" } else { "" };
        problems.push(Problem::new(field, given, "it needs one place: give either gcs or s3, and not both"));
        return None;
    };
    reachable(seen, &field, &place, problems);
    if Place::of(archive).is_some_and(|first| first.human() == place.human()) {
        let remedy = "the first place is the same one: what is lost there is lost twice; choose another bucket, in another region or of another provider";
        problems.push(Problem::new(format!("{field}.{}.bucket", place.field()), place.human(), remedy));
    }
    Some(SecondTarget { place, retention_days: days(archive, ArchivePlace::Second) })
}

/// Adds what is wrong with a place that stands below this field.
fn reachable(seen: &Observed, above: &str, place: &Place, problems: &mut Vec<Problem>) {
    let field = |name: &str| format!("{above}.{}.{name}", place.field());
    let (bucket, endpoint, authority) = match place {
        Place::Gcs { bucket, endpoint, login, authority, .. } => {
            if let Login::Key(secret) = login {
                let field = field("serviceAccountSecret");
                problems.extend(secret_problem(seen, &field, secret, GCS_KEY, service_account));
            }
            (bucket, endpoint, authority)
        }
        Place::S3 { bucket, endpoint, credentials, authority, path_style, .. } => {
            if bucket.contains('.') && !path_style {
                let remedy = "no certificate fits a host that a name with a dot is part of: set pathStyle to true, or choose another bucket";
                problems.push(Problem::new(field("bucket"), bucket, remedy));
            }
            let entries = [S3_KEY, S3_SECRET];
            let of =
                |entry| secret_problem(seen, &field("credentialsSecret"), credentials, entry, access_key);
            problems.extend(entries.into_iter().find_map(of));
            (bucket, endpoint, authority)
        }
        Place::Volume { claim: _ } => return,
    };
    let unfit = if matches!(place, Place::S3 { .. }) { unfit_for_s3(bucket) } else { unfit(bucket) };
    if let Some(why) = unfit {
        problems.push(Problem::new(field("bucket"), bucket, why));
    }
    let port = endpoint.as_deref().and_then(|host| Some(host.rsplit_once(':')?.1));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        let given = endpoint.clone().unwrap_or_default();
        problems.push(Problem::new(field("endpoint"), given, "its port is from 1 to 65535"));
    }
    if let Some(secret) = authority {
        problems.extend(secret_problem(seen, &field("caSecret"), secret, AUTHORITY, certificate));
    }
}

/// What Google allows of bucket names and the schema can't say (cloud.google.com/storage/docs/buckets#naming).
fn unfit(bucket: &str) -> Option<&'static str> {
    if !(3..=63).contains(&bucket.len()) {
        Some("write 3 to 63 characters")
    } else if bucket.starts_with("goog") || bucket.contains("google") || bucket.contains("g00gle") {
        Some("names with google or that begin with goog are Google's own: choose another bucket")
    } else if bucket.contains("..") || bucket.contains("-.") || bucket.contains(".-") {
        Some("a dot stands between letters or digits alone")
    } else if is_address(bucket) {
        Some("a bucket can't look like an address")
    } else {
        None
    }
}

/// What Amazon allows of bucket names (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html); stores that speak its
/// language took over its rules.
fn unfit_for_s3(bucket: &str) -> Option<&'static str> {
    const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    if !(3..=63).contains(&bucket.len()) {
        Some("write 3 to 63 characters")
    } else if !bucket
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
    {
        Some("write lower-case letters, digits, '-' and '.'")
    } else if BEGINNINGS.iter().any(|word| bucket.starts_with(word))
        || ENDS.iter().any(|word| bucket.ends_with(word))
    {
        Some(
            "names that begin with xn--, sthree- or amzn-s3-demo-, or end with -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3, are Amazon's own: choose another bucket",
        )
    } else if bucket.contains("..") {
        Some("a dot stands between letters or digits alone")
    } else if is_address(bucket) {
        Some("a bucket can't look like an address")
    } else {
        None
    }
}

fn is_address(bucket: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    bucket.split('.').count() == 4 && bucket.split('.').all(number)
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

/// A line end at its end is what `kubectl create secret --from-file` leaves there.
fn access_key(text: &str) -> Option<&'static str> {
    let key = text.trim_end_matches(['\r', '\n']);
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    (key.is_empty() || key.contains(odd)).then_some(
        "its entries AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are one word each, as the store gives them: put in those two words",
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
                told[0].starts_with(&format!("{FIELD}.gcs.bucket is '{name}': ")) && told[0].contains(why),
                "{told:?}"
            );
        }
        assert_eq!(problems(json!({"gcs": {"bucket": "wal.example-1"}}), &[]), [""; 0]);
    }

    #[test]
    fn a_bucket_that_amazon_would_not_make_is_refused_with_the_reason() {
        let keys = [(S3_KEY, "AKIA0"), (S3_SECRET, "a/b+c=")];
        let of = |bucket: &str, path: bool| {
            let s3 = json!({"bucket": bucket, "region": "eu-central-1", "credentialsSecret": "aws", "pathStyle": path});
            problems(json!({"s3": s3}), &[("aws", &keys)])
        };
        for (name, why) in [
            ("wal_x", "lower-case letters"),
            ("sthree-wal", "Amazon's own"),
            ("wal--ol-s3", "Amazon's own"),
            ("a..b", "a dot stands"),
            ("10.0.0.1", "an address"),
        ] {
            let told = of(name, true);
            let begins = format!("{FIELD}.s3.bucket is '{name}': ");
            assert!(told[0].starts_with(&begins) && told[0].contains(why), "{told:?}");
        }
        assert_eq!(of("wal-1", false), [""; 0]);
        assert_eq!(of("wal.example", true), [""; 0]);
        let dotted = of("wal.example", false);
        assert!(dotted[0].contains("set pathStyle to true"), "{dotted:?}");
    }

    #[test]
    fn an_access_key_that_is_none_is_told_before_the_first_push_fails() {
        let s3 = json!({"s3": {"bucket": "wal", "region": "r", "credentialsSecret": "aws", "endpoint": "s3.lan:65536"}});
        let of = |data: &[(&str, &str)]| problems(s3.clone(), &[("aws", data)]);
        let missing = problems(s3.clone(), &[]);
        assert!(
            missing[0].starts_with("spec.backup.archive.s3.credentialsSecret is 'aws': no Secret"),
            "{missing:?}"
        );
        assert!(of(&[(S3_SECRET, "k")])[0].contains("has no entry AWS_ACCESS_KEY_ID"));
        assert!(of(&[(S3_KEY, "k")])[0].contains("has no entry AWS_SECRET_ACCESS_KEY"));
        for bad in ["", "\n", "a b", "a\nrepo1-host=evil"] {
            let told = of(&[(S3_KEY, bad), (S3_SECRET, "k")]);
            assert!(told[0].contains("one word each") && !told[0].contains("evil"), "{told:?}");
        }
        let taken = of(&[(S3_KEY, "k\n"), (S3_SECRET, "s\n")]);
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert!(
            taken[0].starts_with("spec.backup.archive.s3.endpoint is 's3.lan:65536': its port"),
            "{taken:?}"
        );
        let own = json!({"s3": {"bucket": "wal", "region": "r", "credentialsSecret": "c-credentials"}});
        assert!(problems(own, &[])[0].contains("keeps this Secret for itself"));
    }

    #[test]
    fn a_second_place_is_judged_as_the_first_and_is_another_one() {
        let of = |second: Value| problems(json!({"gcs": {"bucket": "wal"}, "second": second}), &[]);
        let same = of(json!({"gcs": {"bucket": "wal"}}));
        let begins =
            "spec.backup.archive.second.gcs.bucket is 'gs://wal/stylobate': the first place is the same one";
        assert!(same[0].starts_with(begins), "{same:?}");
        let unfit = of(json!({"gcs": {"bucket": "goog-wal"}}));
        assert!(unfit[0].starts_with("spec.backup.archive.second.gcs.bucket is 'goog-wal'"), "{unfit:?}");
        let keyless = of(json!({"s3": {"bucket": "far", "region": "r", "credentialsSecret": "aws"}}));
        assert!(
            keyless[0].starts_with("spec.backup.archive.second.s3.credentialsSecret is 'aws'"),
            "{keyless:?}"
        );
        assert!(of(json!({}))[0].contains("give either gcs or s3"));
        assert_eq!(of(json!({"gcs": {"bucket": "far"}})), [""; 0]);
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
