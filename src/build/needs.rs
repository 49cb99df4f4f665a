//! Names that a cluster needs, by its spec alone: what stands under one of them and is not its own is in the way.
//!
//! A cluster that is as its spec says has an object under each of these names, so nothing has to be looked up for it. The Secret of a user
//! is not among them: one that a person put there is his password.

use kube::ResourceExt;

use crate::api::PostgresCluster;
use crate::child::{ChildRef, Kind};
use crate::name::{ANNOTATION_FORGET_OLD_VOLUMES, ClusterName};
use crate::pooler::program;

/// Children that the cluster has once it is as its spec says. `pod_monitors`: the API server serves that kind.
pub fn needs(cluster: &PostgresCluster, pod_monitors: bool) -> Vec<ChildRef> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let (group, spec) = (name.group(0), &cluster.spec);
    let mut needs = vec![
        ChildRef::new(Kind::Secret, name.authority()),
        ChildRef::new(Kind::Secret, name.member_tls()),
        ChildRef::new(Kind::Secret, name.operator_tls()),
        ChildRef::new(Kind::Secret, name.credentials()),
        ChildRef::new(Kind::Secret, name.pooler_users()),
        ChildRef::new(Kind::ConfigMap, group.patroni()),
        ChildRef::new(Kind::ConfigMap, name.pooler()),
        ChildRef::new(Kind::ConfigMap, name.accepted_tuning()),
        ChildRef::new(Kind::ConfigMap, name.authority()),
        ChildRef::new(Kind::ServiceAccount, name.member()),
        ChildRef::new(Kind::ServiceAccount, name.pooler_account()),
        ChildRef::new(Kind::Role, name.member()),
        ChildRef::new(Kind::RoleBinding, name.member()),
        ChildRef::new(Kind::Service, group.members()),
        ChildRef::new(Kind::Service, group.primary()),
        ChildRef::new(Kind::Service, group.replicas()),
        ChildRef::new(Kind::Service, name.pooler()),
        ChildRef::new(Kind::PodDisruptionBudget, group.primary()),
        ChildRef::new(Kind::PodDisruptionBudget, group.members()),
        ChildRef::new(Kind::PodDisruptionBudget, name.pooler()),
        ChildRef::new(Kind::NetworkPolicy, group.members()),
        ChildRef::new(Kind::NetworkPolicy, name.pooler()),
        ChildRef::new(Kind::StatefulSet, group.scope()),
        ChildRef::new(Kind::Deployment, name.pooler()),
    ];
    if spec.backup.archive.is_some() {
        needs.push(ChildRef::new(Kind::Secret, name.archive_key()));
    }
    if spec.pooler.read_only.is_some() {
        let kinds = [
            Kind::ConfigMap,
            Kind::Service,
            Kind::PodDisruptionBudget,
            Kind::NetworkPolicy,
            Kind::Deployment,
        ];
        needs.extend(kinds.map(|kind| ChildRef::new(kind, name.pooler_ro())));
        if spec.monitoring.pod_monitor && pod_monitors {
            needs.push(ChildRef::new(Kind::PodMonitor, name.pooler_ro()));
        }
    }
    if program(spec.pooler.kind).peers() {
        needs.push(ChildRef::new(Kind::Service, name.pooler_peers()));
        needs.extend(
            spec.pooler.read_only.as_ref().map(|_| ChildRef::new(Kind::Service, name.pooler_ro_peers())),
        );
    }
    if spec.access.tls.is_none() {
        needs.push(ChildRef::new(Kind::Secret, name.pooler_tls()));
    }
    if spec.backup.archive.is_some() || spec.bootstrap.point_in_time.is_some() {
        needs.push(ChildRef::new(Kind::Secret, name.archive()));
    }
    if spec.monitoring.pod_monitor && pod_monitors {
        needs.push(ChildRef::new(Kind::PodMonitor, group.members()));
        needs.push(ChildRef::new(Kind::PodMonitor, name.pooler()));
    }
    if cluster.annotations().contains_key(ANNOTATION_FORGET_OLD_VOLUMES) {
        needs.push(ChildRef::new(Kind::ConfigMap, name.old_volumes()));
    }
    needs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fixture::{observed, settle, start};
    use serde_json::json;

    #[test]
    fn all_that_a_cluster_makes_is_looked_for_first_and_nothing_is_looked_for_that_it_has() {
        for spec in [
            json!({}),
            json!({"instances": 1, "users": [{"name": "app"}], "databases": [{"name": "app", "owner": "app"}]}),
            json!({"monitoring": {"podMonitor": true}}),
            json!({"instances": 2, "monitoring": {"podMonitor": true}, "pooler": {"readOnly": {}}}),
            json!({"instances": 2, "pooler": {"kind": "PgBouncer", "readOnly": {}}}),
        ] {
            let mut seen = observed(spec.clone());
            seen.given.pod_monitors = true;
            settle(&mut seen, start());
            let user = |child: &&ChildRef| child.name.starts_with("c-user-");
            let made: BTreeSet<&ChildRef> = seen.children.0.keys().filter(|child| !user(child)).collect();
            let needed = needs(&seen.cluster, true);
            assert_eq!(made, needed.iter().collect(), "{spec}");
        }
    }
}
