//! A pooler pod that was ended for want of memory: Kubernetes starts it again, so that nothing else tells why sessions ended.

use crate::observe::Observed;
use crate::pooler::is_pooler;

/// What is well, and what is told of such a pod.
pub fn beside(seen: &Observed, well: &str) -> String {
    pooler(seen).map_or_else(|| well.to_owned(), |told| format!("{well}; {told}"))
}

/// What is told of the latest such pod.
fn pooler(seen: &Observed) -> Option<String> {
    let poolers = seen.pods.iter().filter(|(_, pod)| is_pooler(&pod.component));
    let starved = poolers.filter(|(_, pod)| pod.main.out_of_memory);
    let (name, pod) = starved.max_by_key(|(_, pod)| pod.main.ended_at)?;
    let at = pod.main.ended_at.map_or_else(String::new, |at| format!(" at {at:.0}"));
    Some(format!(
        "{name} was ended for want of memory{at}, and its sessions with it: raise spec.pooler.memory, of which docs/pooler.md says \
         how much messages take"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::fixture::{observed, put_pods, start};

    use super::*;

    #[test]
    fn the_pod_that_ran_out_of_memory_is_told_with_the_field_that_helps() {
        let mut seen = observed(json!({}));
        put_pods(&mut seen);
        assert_eq!(pooler(&seen), None);
        let member = seen.pods.get_mut("c-0").unwrap();
        member.main.out_of_memory = true;
        assert_eq!(pooler(&seen), None, "members tell of themselves");
        let pod = seen.pods.get_mut("c-pooler-b").unwrap();
        (pod.main.out_of_memory, pod.main.ended_at) = (true, Some(start()));
        let told = pooler(&seen).unwrap();
        assert!(told.starts_with("c-pooler-b was ended for want of memory at "), "{told}");
        assert!(told.contains("raise spec.pooler.memory"), "{told}");
    }
}
