//! Volumes that are smaller than wanted. They grow by their claims, also while their pods are down.

use crate::observe::Observed;
use crate::target::Target;

use super::step::Step;

/// Claims to grow. A claim of a member that was scaled away is left as it is.
pub fn expansions(target: &Target, seen: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    for group in &target.groups {
        for ordinal in 0..group.instances {
            let claim = group.volume(ordinal);
            if seen.volumes.get(&claim).is_some_and(|volume| volume.requested < target.storage_bytes) {
                steps.push(Step::Expand { claim, size: target.storage.clone() });
            }
        }
    }
    steps
}
