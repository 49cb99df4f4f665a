//! What a person is told of an import.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kube::ResourceExt;

use crate::archive::{PASSPHRASE, explain};
use crate::name::{ANNOTATION_ADOPTED_BY, manifest};

use super::super::super::explain::Error;
use super::super::super::human::columns;
use super::answer::{Broken, Fault, Told};
use super::judge::{self, Ask, Row, Verdict};
use super::place::Way;

/// Characters of a line that is no answer.
const MOST_LINE: usize = 300;
/// Parts of an archive that are named.
const MOST_NAMED: usize = 20;

/// Why an answer was none.
pub fn broken(broken: &Broken, way: &Way, image: &str) -> Error {
    let place = way.place.human();
    Error::Plain(match broken {
        Broken::Failed(cause) => format!("failed to read the archive at {place}: {}", clean(&explain(cause))),
        Broken::Cut(line) => {
            let line: String = clean(line).chars().take(MOST_LINE).collect();
            format!(
                "failed to read what the archive at {place} tells: the answer of image {image} has no end, and its last line is '{line}'. Either it is \
                 an image of an older release, which has no archive-import: name a newer one by --image; or the pod ended before its time, for want \
                 of memory or on a node that went, or there are more backups than its log holds: try again, with one cluster by --cluster; or \
                 somebody who may change pods in the namespace changed it: look who may (kubectl auth can-i --list)"
            )
        }
    })
}

/// Without the passphrase nothing is imported: what there is of it in the archive is told, and how it is opened.
///
/// # Errors
/// Always, where no passphrase was given.
pub fn unopened(told: &Told, way: &Way, namespace: &str) -> Result<(), Error> {
    if way.opens {
        return Ok(());
    }
    let (secret, place) = (&way.secret, way.place.human());
    let lacks = format!("Secret {secret} of namespace {namespace} has no entry {PASSPHRASE}");
    if told.escrow.is_empty() {
        return Err(Error::Plain(format!(
            "{lacks}, and the archive at {place} has none that is sealed to a key (spec.backup.archive.escrow of its clusters): put in the one that \
             the cluster had (its Secret <cluster>-archive-key), from the copy that was kept outside of Kubernetes"
        )));
    }
    let mut text = format!(
        "{lacks}. The archive at {place} has it, sealed to a key of yours; open it, and put it into the Secret. Where there is more than one, and one \
         opens nothing of the archive, take the next: who may write to the bucket may have put it there.\n"
    );
    for sealed in &told.escrow {
        let _ = write!(
            text,
            "\n{part}, for the private key of the public one with SHA-256 {key}:\n  base64 -d >{part}.sealed <<<'{sealed}'\n",
            part = sealed.part,
            key = sealed.key,
            sealed = sealed.sealed
        );
    }
    let _ = write!(
        text,
        "\nby Cloud KMS:\n  gcloud kms asymmetric-decrypt --location=LOCATION --keyring=RING --key=KEY --version=1 --ciphertext-file=PART.sealed \
         --plaintext-file={PASSPHRASE}\nby a private key in a file:\n  openssl pkeyutl -decrypt -inkey KEY.pem -pkeyopt rsa_padding_mode:oaep \
         -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -in PART.sealed -out {PASSPHRASE}\nthen, with what else the Secret has:\n  \
         kubectl -n {namespace} create secret generic {secret} --dry-run=client -o yaml --from-file={PASSPHRASE} | kubectl apply -f -"
    );
    Err(Error::Plain(text))
}

/// An archive in which nothing is, or nothing of that cluster.
///
/// # Errors
/// What is there.
pub fn nothing(told: &Told, which: Option<&str>, way: &Way) -> Result<(), Error> {
    let place = way.place.human();
    if told.parts.is_empty() {
        return Err(Error::Plain(format!(
            "there is no archive of any cluster at {place}: check bucket and folder; the folder is spec.backup.archive.gcs.prefix of the cluster \
             ('stylobate' where it said none, NAMESPACE/CLUSTER where terraform made the bucket)"
        )));
    }
    match which {
        Some(which) if told.read.is_empty() => {
            let more = told.parts.len().saturating_sub(MOST_NAMED);
            let named =
                told.parts.iter().take(MOST_NAMED).map(|part| clean(part)).collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Error::Plain(format!(
                "there is nothing of a cluster {which} at {place}; its parts (NAMESPACE-CLUSTER-UID) are: {named}{more}"
            )))
        }
        _ => Ok(()),
    }
}

/// An archive of which nothing can be opened is told as that, once.
///
/// # Errors
/// That the passphrase is wrong.
pub fn locked(told: &Told, rows: &[Row], way: &Way) -> Result<(), Error> {
    let wrong = |row: &Row| matches!(row.verdict, Verdict::Faulty(Fault::Passphrase, _));
    let opened = told.read.values().any(|read| read.as_ref().is_ok_and(|part| !part.databases.is_empty()));
    if rows.is_empty() || opened || !rows.iter().all(wrong) {
        return Ok(());
    }
    Err(Error::Plain(format!(
        "the passphrase of Secret {} does not open the archive at {}: nothing in it was written with it. Put in the archive-passphrase that the \
         cluster had (its Secret <cluster>-archive-key); an archive of clusters with a passphrase each is imported cluster by cluster",
        way.secret,
        way.place.human()
    )))
}

/// Snapshots that were asked for and are not there: somebody meant another one, or it was changed since he looked.
///
/// # Errors
/// Which.
pub fn strange(rows: &[Row], ask: &Ask) -> Result<(), Error> {
    let strange = judge::strange(rows, ask);
    if strange.is_empty() {
        return Ok(());
    }
    let named = strange.into_iter().cloned().collect::<Vec<_>>().join(", ");
    Err(Error::Plain(format!(
        "--snapshot is '{named}', and no manifest that was asked for and is believed has such a handle: --dry-run shows those there are; nothing \
         was imported"
    )))
}

/// The rows as they came out, with what failed to be written.
pub fn outcome(mut rows: Vec<Row>, mut failed: BTreeMap<String, String>) -> Vec<Row> {
    for row in rows.iter_mut().filter(|row| row.verdict == Verdict::Import) {
        if let Some(cause) = failed.remove(&row.uid) {
            row.verdict = Verdict::Faulty(Fault::Unread, cause);
        }
    }
    rows
}

/// The backups, and how they are restored.
pub fn table(rows: &[Row], ask: &Ask, namespace: &str, operator: &str, dry_run: bool) -> String {
    let mut cells =
        vec![["NAMESPACE", "CLUSTER", "BACKUP", "METHOD", "CUT", "IMPORT"].map(str::to_owned).to_vec()];
    let mut froms: BTreeMap<(String, String), usize> = BTreeMap::new();
    for row in rows {
        let Some(backup) = &row.backup else { continue };
        let cut = backup.status.as_ref().and_then(|status| status.cut_at.as_ref());
        let of = (backup.namespace().unwrap_or_default(), backup.spec.cluster.clone());
        let word = match &row.verdict {
            Verdict::Import if dry_run => format!("would be imported{}", handle(row)),
            Verdict::Import => format!("imported{}", handle(row)),
            Verdict::There => "is imported already".into(),
            Verdict::Known => format!(
                "is known here already; to give it to {namespace}: kubectl -n {operator} annotate configmap {} {ANNOTATION_ADOPTED_BY}={}",
                manifest(&row.uid),
                ask.owner
            ),
            Verdict::Given(owner) => format!(
                "is known here already, and the namespace of UID {owner} has it ({ANNOTATION_ADOPTED_BY} of ConfigMap {} in {operator})",
                manifest(&row.uid)
            ),
            Verdict::Living => {
                format!(
                    "is known here already, as an object: spec.shareWith of it shares it with {namespace}"
                )
            }
            Verdict::LeftOut(why) => format!("no: {why}"),
            Verdict::Faulty(_, why) => format!("NO: {why}"),
        };
        if matches!(row.verdict, Verdict::Import | Verdict::There) {
            *froms.entry(of.clone()).or_default() += 1;
        }
        cells.push(vec![
            clean(&of.0),
            clean(&of.1),
            clean(&backup.name_any()),
            format!("{:?}", backup.spec.method),
            cut.map_or_else(|| "-".into(), |at| format!("{:.0}", at.0)),
            clean(&word),
        ]);
    }
    let mut text = if cells.len() > 1 { columns(&cells) } else { String::new() };
    for row in rows {
        if let (None, Verdict::LeftOut(why)) = (&row.backup, &row.verdict) {
            let _ = writeln!(text, "!! {}", clean(why));
        }
    }
    for ((of, cluster), count) in froms {
        let elsewhere = if of == namespace { String::new() } else { format!(", namespace: {of}") };
        let _ = writeln!(
            text,
            "\n{count} of cluster {cluster}; in namespace {namespace} a new cluster begins with them by spec:\n  \
             bootstrap: {{fromCluster: {{name: {cluster}{elsewhere}}}, archiveSecret: {secret}}}\n\
             or with all that was archived after the newest of them:\n  \
             bootstrap: {{fromCluster: {{name: {cluster}{elsewhere}}}, pointInTime: {{targetLatest: true}}, archiveSecret: {secret}}}",
            secret = ask.way.secret
        );
    }
    text
}

/// What an administrator is to look at before he believes it.
fn handle(row: &Row) -> String {
    row.handle().map_or_else(String::new, |handle| format!(": snapshot {handle}"))
}

/// Words of others on a person's terminal: what would command it, or is not seen, or turns the direction of writing, is left out.
fn clean(text: &str) -> String {
    let shown = |letter: &char| *letter == ' ' || letter.is_ascii_graphic() || letter.is_alphanumeric();
    text.chars().map(|letter| if letter.is_ascii_whitespace() { ' ' } else { letter }).filter(shown).collect()
}

/// What was not believed, or not read, with each cause once.
///
/// # Errors
/// All of it.
pub fn faults(told: &Told, rows: &[Row]) -> Result<(), Error> {
    let mut causes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in rows {
        if let Verdict::Faulty(_, cause) = &row.verdict {
            causes.entry(clean(cause)).or_default().push(&row.uid);
        }
    }
    let mut lines: Vec<String> = causes
        .into_iter()
        .map(|(cause, uids)| match uids.as_slice() {
            [one] => format!("backup {}: {cause}", clean(one)),
            [first, rest @ ..] => format!("backup {} and {} more: {cause}", clean(first), rest.len()),
            [] => cause,
        })
        .collect();
    for (part, read) in &told.read {
        if let Err(cause) = read {
            lines.push(clean(&format!("copies of {part} can't be told: {}", explain(cause))));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    Err(Error::Plain(format!("some of the archive was left out:\n  {}", lines.join("\n  "))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::answer::Sealed;
    use super::super::place::tests;
    use super::*;
    use crate::api::PostgresBackup;

    fn way() -> Way {
        tests::way("gs://wal/shop/c")
    }

    fn faulty(uid: &str, fault: Fault) -> Row {
        Row {
            uid: uid.into(),
            part: "shop-c-1".into(),
            backup: None,
            verdict: Verdict::Faulty(fault, "why".into()),
        }
    }

    #[test]
    fn without_a_passphrase_what_is_sealed_of_it_is_told_with_the_commands_that_open_it() {
        assert!(unopened(&Told::default(), &way(), "dr").is_ok());
        let way = Way { opens: false, ..way() };
        let none = unopened(&Told::default(), &way, "dr").unwrap_err().to_string();
        assert!(
            none.contains("Secret old of namespace dr has no entry archive-passphrase, and the archive"),
            "{none}"
        );
        let sealed = Sealed { part: "shop-c-1".into(), key: "ab".into(), sealed: "aGk=".into() };
        let told = Told { escrow: vec![sealed], ..Told::default() };
        let told = unopened(&told, &way, "dr").unwrap_err().to_string();
        for part in [
            "base64 -d >shop-c-1.sealed <<<'aGk='",
            "gcloud kms asymmetric-decrypt",
            "openssl pkeyutl -decrypt",
            "kubectl -n dr create secret",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn an_empty_bucket_an_unknown_cluster_and_no_rights_each_have_a_sentence() {
        let empty = nothing(&Told::default(), None, &way()).unwrap_err().to_string();
        assert!(empty.contains("no archive of any cluster at gs://wal/shop/c"), "{empty}");
        let parts = Told { parts: vec!["shop-c-1".into()], ..Told::default() };
        let unknown = nothing(&parts, Some("d"), &way()).unwrap_err().to_string();
        assert!(
            unknown.contains("nothing of a cluster d") && unknown.ends_with("are: shop-c-1"),
            "{unknown}"
        );
        let rights = broken(&Broken::Failed("HTTP request failed with 403 (Forbidden)".into()), &way(), "i")
            .to_string();
        assert!(
            rights.starts_with("failed to read the archive at gs://wal/shop/c: the bucket lets"),
            "{rights}"
        );
        let cut =
            broken(&Broken::Cut("sh: archive-import: not found\u{7}".into()), &way(), "i:1").to_string();
        assert!(cut.contains("image i:1") && cut.contains("'sh: archive-import: not found'"), "{cut}");
        assert!(
            cut.contains("older release") && cut.contains("want of memory") && cut.contains("changed it"),
            "{cut}"
        );
    }

    #[test]
    fn a_handle_is_shown_before_it_is_believed_and_commands_no_terminal() {
        let backup: PostgresBackup = serde_json::from_value(serde_json::json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup", "metadata": {"name": "b\u{202e}", "namespace": "shop", "uid": "u-1"},
            "spec": {"cluster": "c"},
            "status": {"phase": "Succeeded", "groups": [{
                "group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
                "snapshot": {"name": "s", "handle": "projects/p/s\u{1b}[2J", "driver": "d", "ready": true},
            }]},
        }))
        .unwrap();
        let row = |verdict| Row {
            uid: "u-1".into(),
            part: "shop-c-1".into(),
            backup: Some(Box::new(backup.clone())),
            verdict,
        };
        let rows = [row(Verdict::Import)];
        let ask = Ask { which: None, snapshots: BTreeSet::new(), owner: "n-9".into(), way: way() };
        let told = table(&rows, &ask, "new", "stylobate-system", true);
        assert!(told.contains("would be imported: snapshot projects/p/s[2J"), "{told}");
        assert!(!told.contains('\u{202e}') && !told.contains('\u{1b}'), "{told}");
        assert!(
            told.contains("bootstrap: {fromCluster: {name: c, namespace: shop}, archiveSecret: old}"),
            "{told}"
        );
        let latest = "bootstrap: {fromCluster: {name: c, namespace: shop}, pointInTime: {targetLatest: true}, archiveSecret: old}";
        assert!(told.contains(latest), "{told}");
        let unknown = [Row { backup: None, ..row(Verdict::LeftOut("it has no manifest\u{2066}".into())) }];
        assert_eq!(table(&unknown, &ask, "new", "o", false), "!! it has no manifest\n");
        assert!(
            table(&rows, &ask, "shop", "o", false).contains("fromCluster: {name: c}, archiveSecret: old")
        );
        let known = table(&[row(Verdict::Known)], &ask, "new", "o", false);
        assert!(
            known.contains("kubectl -n o annotate configmap backup-u-1 stylobate.dev/adopted-by=n-9"),
            "{known}"
        );
        let given = table(&[row(Verdict::Given("n-8".into()))], &ask, "new", "o", false);
        assert!(given.contains("the namespace of UID n-8 has it") && !given.contains("annotate"), "{given}");
    }

    #[test]
    fn what_failed_to_be_written_is_told_of_its_own_row_and_the_table_has_the_others() {
        let row = |uid: &str| Row { verdict: Verdict::Import, ..faulty(uid, Fault::Forged) };
        let failed = BTreeMap::from([("u-2".to_owned(), "failed to write: refused".to_owned())]);
        let rows = outcome(vec![row("u-1"), row("u-2"), row("u-3")], failed);
        let verdicts: Vec<_> = rows.iter().map(|row| row.verdict == Verdict::Import).collect();
        assert_eq!(verdicts, [true, false, true]);
        let told = faults(&Told::default(), &rows).unwrap_err().to_string();
        assert!(told.contains("backup u-2: failed to write: refused"), "{told}");
    }

    #[test]
    fn a_snapshot_that_no_manifest_has_is_told_by_its_handle() {
        let snapshots = BTreeSet::from(["projects/p/x".to_owned()]);
        let ask = Ask { which: None, snapshots, owner: "n-9".into(), way: way() };
        let told = strange(&[], &ask).unwrap_err().to_string();
        assert!(
            told.contains("--snapshot is 'projects/p/x'") && told.contains("nothing was imported"),
            "{told}"
        );
    }

    #[test]
    fn a_wrong_passphrase_is_said_once_and_not_of_each_backup() {
        let all = [faulty("u-1", Fault::Passphrase), faulty("u-2", Fault::Passphrase)];
        let told = locked(&Told::default(), &all, &way()).unwrap_err().to_string();
        assert!(told.contains("the passphrase of Secret old does not open the archive"), "{told}");
        let some = [faulty("u-1", Fault::Passphrase), faulty("u-2", Fault::Forged)];
        assert!(locked(&Told::default(), &some, &way()).is_ok());
        let listed = faults(&Told::default(), &all).unwrap_err().to_string();
        assert!(listed.contains("backup u-1 and 1 more: why"), "{listed}");
    }
}
