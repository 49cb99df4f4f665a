//! Names of what belongs to one Patroni cluster.

use std::collections::BTreeMap;

use super::{COMPONENT_MEMBER, ClusterName, LABEL_SCOPE, service_host};

/// One Patroni cluster, which is one StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName {
    /// The cluster that it belongs to.
    pub cluster: ClusterName,
    /// Number of the group.
    pub number: i32,
}

impl GroupName {
    /// Patroni's scope and the StatefulSet's name.
    pub fn scope(&self) -> String {
        match self.number {
            0 => self.cluster.name.clone(),
            number => format!("{}-g{number}", self.cluster.name),
        }
    }

    /// Name of the pod with this ordinal.
    pub fn pod(&self, ordinal: i32) -> String {
        format!("{}-{ordinal}", self.scope())
    }

    /// Ordinal of a pod of this group.
    pub fn ordinal(&self, pod: &str) -> Option<i32> {
        pod.strip_prefix(&self.scope())?.strip_prefix('-')?.parse().ok()
    }

    /// Name of the volume claim of a pod. Generation 1 is what a cluster begins with; each restore in place begins another one.
    pub fn volume(&self, generation: u32, ordinal: i32) -> String {
        format!("{}-{}", data_volume(generation), self.pod(ordinal))
    }

    /// Generation and ordinal of a volume claim of this group; none of any other claim.
    pub fn claim(&self, claim: &str) -> Option<(u32, i32)> {
        let (volume, _) = claim.split_once('-')?;
        let generation = data_generation(volume)?;
        let ordinal = self.ordinal(claim.strip_prefix(volume)?.strip_prefix('-')?)?;
        Some((generation, ordinal))
    }

    /// Headless Service that gives members their names; PodDisruptionBudget and NetworkPolicy of members.
    pub fn members(&self) -> String {
        format!("{}-members", self.scope())
    }

    /// Service of the member that takes writes.
    pub fn primary(&self) -> String {
        format!("{}-primary", self.scope())
    }

    /// Service of the members that follow.
    pub fn replicas(&self) -> String {
        format!("{}-replicas", self.scope())
    }

    /// ConfigMap with Patroni's configuration.
    pub fn patroni(&self) -> String {
        format!("{}-patroni", self.scope())
    }

    /// Full name of a member in the cluster's DNS, the name in its certificate.
    pub fn member_host(&self, pod: &str, domain: &str) -> String {
        format!("{pod}.{}", service_host(&self.members(), &self.cluster.namespace, domain))
    }

    /// Names of the ConfigMaps that Patroni keeps its state in.
    pub fn patroni_state(&self) -> [String; 4] {
        ["config", "leader", "failover", "sync"].map(|part| format!("{}-{part}", self.scope()))
    }

    /// Labels that select the pods of this group.
    pub fn selector(&self) -> BTreeMap<String, String> {
        let mut labels = self.cluster.selector(COMPONENT_MEMBER);
        labels.insert(LABEL_SCOPE.into(), self.scope());
        labels
    }
}

/// Name of the data volume in a member's pod, which is that of the claim template in its set.
pub fn data_volume(generation: u32) -> String {
    match generation {
        0 | 1 => "data".to_owned(),
        later => format!("data{later}"),
    }
}

/// Generation of a data volume by its name; none of any other name.
pub fn data_generation(volume: &str) -> Option<u32> {
    match volume.strip_prefix("data")? {
        "" => Some(1),
        number => number.parse().ok().filter(|generation| data_volume(*generation) == volume),
    }
}
