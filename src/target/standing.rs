//! Objects of others under the cluster's names. Each is a problem, since nothing that the cluster did not make is ever changed: a new
//! cluster does not begin, and one that runs goes on as it is.

use crate::name::ClusterName;
use crate::observe::{InTheWay, Observed};

use super::Problem;

/// One problem for each object.
pub(super) fn check<'a>(seen: &'a Observed, name: &'a ClusterName) -> impl Iterator<Item = Problem> + 'a {
    in_the_way(seen).map(|object| {
        let InTheWay { kind, name: taken, whose } = object;
        let namespace = &name.namespace;
        let remedy = format!(
            "{kind} {taken} is in the way, a name that the cluster needs: it is not this cluster's ({whose}), and what others made is \
             neither changed nor removed. Make the cluster under another name; or, if nobody needs that object, remove it: \
             kubectl -n {namespace} delete {} {taken}",
            kind.to_lowercase()
        );
        Problem::new("metadata.name", &name.name, remedy)
    })
}

/// All objects of others that are known.
pub fn in_the_way(seen: &Observed) -> impl Iterator<Item = &InTheWay> {
    seen.in_the_way.iter().chain(&seen.restore.snapshot.foreign)
}

#[cfg(test)]
mod tests {
    use crate::decide::{Input, decide};
    use crate::fixture::{observed, put_pods, settle, start, step};
    use crate::observe::{InTheWay, Observed};
    use crate::policy::CATALOG;
    use crate::status::{kind, reason};
    use serde_json::json;

    fn taken(seen: &mut Observed) {
        seen.in_the_way.push(InTheWay::new("Service", "c-primary", "it is managed by Helm"));
    }

    fn told(seen: &Observed) -> (String, String) {
        let decision = decide(&Input { seen, catalog: CATALOG, now: start() });
        let accepted = decision.status.conditions.iter().find(|found| found.type_ == kind::ACCEPTED);
        let accepted = accepted.expect("it is always told").clone();
        assert_eq!(accepted.status, "False");
        (accepted.reason, accepted.message)
    }

    #[test]
    fn a_new_cluster_makes_nothing_beside_an_object_of_others_and_names_it() {
        let mut seen = observed(json!({}));
        taken(&mut seen);
        let decision = step(&mut seen, start());
        assert_eq!(decision.steps, []);
        let (reason, message) = told(&seen);
        assert_eq!(reason, reason::OBJECT_IN_THE_WAY);
        assert!(message.contains("Service c-primary is in the way"), "{message}");
        assert!(
            message.contains("it is managed by Helm")
                && message.contains("kubectl -n shop delete service c-primary")
        );
    }

    #[test]
    fn a_cluster_that_runs_goes_on_as_it_is() {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        seen.children.0.retain(|child, _| child.name != "c-primary");
        taken(&mut seen);
        assert_eq!(step(&mut seen, start()).steps, [], "neither the Service nor the budget of that name");
        assert!(seen.pods.values().all(|pod| !pod.deleting));
    }

    #[test]
    fn what_is_wrong_with_the_spec_is_told_beside_it() {
        let mut seen = observed(json!({"storage": {"size": "much"}}));
        taken(&mut seen);
        let (reason, message) = told(&seen);
        assert_eq!(reason, reason::OBJECT_IN_THE_WAY);
        assert!(message.contains("spec.storage.size is 'much'"), "{message}");
    }

    #[test]
    fn a_snapshot_of_others_is_no_source_of_a_restore() {
        let mut seen = observed(json!({}));
        seen.restore.snapshot.foreign =
            Some(InTheWay::new("VolumeSnapshot", "c-restore", "no owner and no label say whose it is"));
        assert_eq!(step(&mut seen, start()).steps, []);
        assert!(told(&seen).1.contains("VolumeSnapshot c-restore is in the way"));
    }
}
