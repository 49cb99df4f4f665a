//! What volumes can't do: shrink, change their class, or grow in a class that forbids it. The API server refuses the first
//! two by the definition's own rules; they are held here too, for objects that came in past those.

use serde_json::Value;

use crate::child::Kind;
use crate::observe::Observed;
use crate::tuning::units::quantity_bytes;

use super::{Problem, Target};

/// Adds what the volumes of the members that exist can't follow.
pub fn check(seen: &Observed, target: &Target, problems: &mut Vec<Problem>) {
    for group in &target.groups {
        if let Some(set) = seen.children.get(Kind::StatefulSet, &group.name.scope()) {
            made_with(set, target, problems);
        }
    }
    let Some(class) = &seen.given.fixed_class else { return };
    let mut claims =
        target.groups.iter().flat_map(|group| (0..group.instances).map(|ordinal| group.volume(ordinal)));
    let small = claims.find_map(|name| {
        let volume = seen.volumes.get(&name)?;
        let of_class = volume.class.as_ref().is_none_or(|own| own == class);
        (of_class && volume.requested < target.storage_bytes).then_some((name, volume.requested))
    });
    if let Some((claim, bytes)) = small {
        problems.push(Problem::new(
            "spec.storage.size",
            &target.storage,
            format!(
                "volume claim {claim} has {}, and StorageClass '{class}' lets no volume grow (allowVolumeExpansion is \
                 not true). If its driver can: kubectl patch storageclass {class} -p '{{\"allowVolumeExpansion\":true}}'. \
                 Otherwise put the size back, or make a new cluster with larger volumes and move the data",
                human(bytes)
            ),
        ));
    }
}

/// What the set's claim template says: the size and class of the spec that was last carried out.
fn made_with(set: &Value, target: &Target, problems: &mut Vec<Problem>) {
    let template = &set["spec"]["volumeClaimTemplates"][0]["spec"];
    let size = template["resources"]["requests"]["storage"].as_str();
    if let Some(size) = size.filter(|size| quantity_bytes(size).is_some_and(|old| target.storage_bytes < old))
    {
        problems.push(Problem::new(
            "spec.storage.size",
            &target.storage,
            format!(
                "the volumes have {size} and no volume can shrink: put {size} back; or make a new cluster with smaller \
                 volumes and move the data"
            ),
        ));
    }
    let class = template["storageClassName"].as_str();
    if let Some(class) = class.filter(|class| target.storage_class.as_deref() != Some(class)) {
        problems.push(Problem::new(
            "spec.storage.storageClass",
            target.storage_class.as_deref().unwrap_or_default(),
            format!(
                "volumes stay in their class '{class}': put it back; or make a new cluster in the other class and move \
                 the data"
            ),
        ));
    }
}

/// Bytes as a person writes them: whole GiB where they are, else MiB.
pub fn human(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes >= GIB && bytes.is_multiple_of(GIB) {
        format!("{}Gi", bytes / GIB)
    } else {
        format!("{}Mi", bytes >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, settle, start, target};
    use crate::observe::VolumeSeen;
    use crate::target::validate;
    use serde_json::json;
    use std::sync::Arc;

    fn made(size: &str) -> Observed {
        let mut seen = observed(json!({"storage": {"size": size, "storageClass": "fast"}}));
        settle(&mut seen, start());
        seen
    }

    fn edited(seen: &mut Observed, size: &str, class: Option<&str>) -> Vec<String> {
        let storage = &mut Arc::make_mut(&mut seen.cluster).spec.storage;
        storage.size.0 = size.into();
        storage.storage_class = class.map(str::to_owned);
        let problems = validate(seen, start()).err().unwrap_or_default();
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_smaller_size_or_another_class_that_came_past_admission_is_refused_with_the_way_to_do_it() {
        let mut seen = made("2Gi");
        let told = edited(&mut seen, "1Gi", Some("slow"));
        assert!(told[0].starts_with("spec.storage.size is '1Gi': the volumes have 2Gi"), "{told:?}");
        assert!(told[1].contains("their class 'fast'"), "{told:?}");
        assert_eq!(edited(&mut seen, "2048Mi", Some("fast")), [""; 0], "the same size in other words");
    }

    #[test]
    fn growth_in_a_class_that_forbids_it_is_refused_and_the_class_is_named() {
        let mut seen = made("2Gi");
        let volume = VolumeSeen { requested: 2 << 30, class: Some("fast".into()), ..VolumeSeen::default() };
        seen.volumes.insert("data-c-1".into(), volume);
        seen.given.fixed_class = Some("fast".into());
        assert_eq!(target(&seen).storage, "2Gi", "nothing has to grow yet");
        let told = edited(&mut seen, "3Gi", Some("fast"));
        assert!(told[0].contains("data-c-1 has 2Gi") && told[0].contains("StorageClass 'fast'"), "{told:?}");
        seen.volumes.get_mut("data-c-1").unwrap().class = Some("other".into());
        assert_eq!(edited(&mut seen, "3Gi", Some("fast")), [""; 0], "a claim of another class is not judged");
    }
}
