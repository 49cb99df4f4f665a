//! Whose a snapshot is. In a project there are snapshots of other people and of other Kubernetes clusters: none of them is ever
//! taken for ours, and none is deleted.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::labels;
use super::resource::Snapshot;

/// Says which Kubernetes cluster a snapshot was made from.
pub const LABEL_INSTALLATION: &str = "stylobate.dev/installation";
/// Says which namespace its backup is in.
pub const LABEL_NAMESPACE: &str = "stylobate.dev/namespace";

/// Whose snapshots are meant.
pub struct Owner<'a> {
    /// The Kubernetes cluster, by the UID of its namespace `kube-system`.
    pub installation: &'a str,
    /// Namespace of the backup.
    pub namespace: &'a str,
}

impl Owner<'_> {
    /// An order's labels with the owner's, as the Compute API takes them.
    ///
    /// # Errors
    /// Which label does not fit, in words.
    pub fn mark(&self, wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
        let mut marked = wanted.clone();
        marked.insert(LABEL_INSTALLATION.into(), self.installation.into());
        marked.insert(LABEL_NAMESPACE.into(), self.namespace.into());
        labels::encode(&marked)
    }

    /// What to ask a list for: all of this Kubernetes cluster, whichever the namespace.
    ///
    /// # Errors
    /// The label can't be one of the Compute API, in words.
    pub fn filter_all(&self) -> Result<String, String> {
        let (key, value) = (
            labels::encode_key(LABEL_INSTALLATION)?,
            labels::encode_value(LABEL_INSTALLATION, self.installation)?,
        );
        Ok(format!("(labels.{key}=\"{value}\")"))
    }

    /// Is it a snapshot of this namespace, if of another Kubernetes cluster perhaps? So that backups can be looked at and restored
    /// where they were not made.
    ///
    /// # Errors
    /// It is somebody else's, in words.
    pub fn check_namespace(&self, found: &Snapshot) -> Result<(), String> {
        self.has(found, LABEL_NAMESPACE, self.namespace)
    }

    /// Is it a snapshot that this operator may delete?
    ///
    /// # Errors
    /// It is somebody else's, in words.
    pub fn check(&self, found: &Snapshot) -> Result<(), String> {
        self.check_namespace(found)?;
        self.has(found, LABEL_INSTALLATION, self.installation)
    }

    fn has(&self, found: &Snapshot, label: &str, wanted: &str) -> Result<(), String> {
        let (key, value) = (labels::encode_key(label)?, labels::encode_value(label, wanted)?);
        match found.labels.get(&key) {
            Some(has) if *has == value => Ok(()),
            has => Err(format!(
                "snapshot {} is not ours: its label {key} is {}, and ours have {value:?}; nothing was changed. If it is to be, a \
                 person sets the label or deletes the snapshot in Google Cloud",
                found.name,
                has.map_or("absent".to_owned(), |has| format!("{has:?}"))
            )),
        }
    }
}

/// Is what was found the snapshot that was ordered?
///
/// # Errors
/// It is another one, in words.
pub fn same(found: &Snapshot, wanted: &BTreeMap<String, String>, disk: &Disk) -> Result<(), String> {
    let another =
        |why: String| format!("there is a snapshot {} already, and it is another one: {why}", found.name);
    if let Some((key, value)) = wanted.iter().find(|(key, value)| found.labels.get(*key) != Some(*value)) {
        let has = found.labels.get(key).map_or("absent".to_owned(), |has| format!("{has:?}"));
        return Err(another(format!("its label {key} is {has} and not {value:?}")));
    }
    if !found.source_disk.ends_with(&format!("/{disk}")) {
        return Err(another(format!("it is of disk {} and not of {disk}", found.source_disk)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'_> = Owner { installation: "uid-1", namespace: "shop" };

    fn found(labels: &[(&str, &str)]) -> Snapshot {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let body = serde_json::json!({"name": "s", "status": "READY", "sourceDisk": "https://h/projects/p/zones/z/disks/d", "labels": labels});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn only_what_bears_both_marks_may_be_deleted() {
        let ours = [("stylobate-namespace", "shop"), ("stylobate-installation", "uid-1")];
        assert_eq!(OWNER.check(&found(&ours)), Ok(()));
        for (labels, says) in [
            (&ours[..1], "stylobate-installation is absent"),
            (&ours[1..], "stylobate-namespace is absent"),
            (&[ours[0], ("stylobate-installation", "uid-2")][..], "\"uid-2\""),
            (&[][..], "absent"),
        ] {
            let said = OWNER.check(&found(labels)).unwrap_err();
            assert!(said.contains(says) && said.contains("not ours"), "{said}");
        }
        assert_eq!(
            OWNER.check_namespace(&found(&ours[..1])),
            Ok(()),
            "another Kubernetes cluster's may be looked at"
        );
    }

    #[test]
    fn a_list_asks_for_the_owner() {
        assert_eq!(OWNER.filter_all().unwrap(), "(labels.stylobate-installation=\"uid-1\")");
    }

    #[test]
    fn a_snapshot_of_another_disk_or_order_is_another_one() {
        let disk = |name: &str| Disk {
            project: "p".into(),
            place: super::super::disk::Place::Zone("z".into()),
            name: name.into(),
        };
        let labels = |value: &str| BTreeMap::from([("k".to_owned(), value.to_owned())]);
        let snapshot = found(&[("k", "v")]);
        assert_eq!(same(&snapshot, &labels("v"), &disk("d")), Ok(()));
        assert!(same(&snapshot, &labels("w"), &disk("d")).unwrap_err().contains("label k"));
        assert!(same(&snapshot, &labels("v"), &disk("other")).unwrap_err().contains("disks/other"));
    }
}
