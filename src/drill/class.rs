//! The StorageClass of a drill's volumes. Volumes of a cluster outlive it (`Retain`), and so would a drill's, with a customer's data on a disk
//! that nobody looks after. So drills have a class of their own beside each such class, which lets the disk go.

use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;

use crate::name::ANNOTATION_DRILL_CLASS;

/// What lets a disk go.
const DELETE: &str = "Delete";

/// Which class a drill's volumes get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DrillClass {
    /// The source's: it lets disks go, or nothing is known of it.
    #[default]
    Same,
    /// This one.
    Own(String),
    /// The source's, of this name, since there is none for drills: the disk stays.
    Retains(String),
}

/// The class for the drills of a cluster whose volumes are of `source`.
pub fn class(all: &[StorageClass], source: Option<&StorageClass>) -> DrillClass {
    let lets_go = |class: &StorageClass| class.reclaim_policy.as_deref().unwrap_or(DELETE) == DELETE;
    let Some(source) = source.filter(|class| !lets_go(class)) else { return DrillClass::Same };
    let name = source.name_any();
    let own = all.iter().filter(|class| {
        class.annotations().get(ANNOTATION_DRILL_CLASS) == Some(&name)
            && class.provisioner == source.provisioner
            && lets_go(class)
    });
    match own.map(ResourceExt::name_any).min() {
        Some(own) => DrillClass::Own(own),
        None => DrillClass::Retains(name),
    }
}

impl DrillClass {
    /// A line of the report where a disk stays.
    pub fn told(&self) -> Option<String> {
        let DrillClass::Retains(name) = self else { return None };
        Some(format!(
            "volume: it stays when the drill is removed, since StorageClass {name} retains it: make one with reclaimPolicy Delete and the \
             annotation {ANNOTATION_DRILL_CLASS}: {name}, or let the chart make it (storageClasses)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn storage(name: &str, provisioner: &str, reclaim: &str, of: Option<&str>) -> StorageClass {
        let notes = of.map(|of| json!({ANNOTATION_DRILL_CLASS: of})).unwrap_or_default();
        let body = json!({"metadata": {"name": name, "annotations": notes}, "provisioner": provisioner, "reclaimPolicy": reclaim});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_class_that_retains_gives_way_to_that_of_drills_and_is_told_where_there_is_none() {
        let fast = storage("fast", "d", "Retain", None);
        let drills = storage("fast-drill", "d", "Delete", Some("fast"));
        let of = |all: &[StorageClass]| class(all, Some(&fast));
        assert_eq!(of(&[fast.clone(), drills.clone()]), DrillClass::Own("fast-drill".into()));
        for unfit in [
            storage("x", "d", "Delete", Some("slow")),
            storage("x", "d", "Delete", None),
            storage("x", "other", "Delete", Some("fast")),
            storage("x", "d", "Retain", Some("fast")),
        ] {
            assert_eq!(of(&[fast.clone(), unfit]), DrillClass::Retains("fast".into()));
        }
        assert_eq!(class(&[fast.clone(), drills.clone()], Some(&drills)), DrillClass::Same);
        assert_eq!(class(&[fast], None), DrillClass::Same);
    }
}
