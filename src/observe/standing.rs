//! What stands under the names that a cluster needs and is not its own, and which of Patroni's ConfigMaps are its own.
//!
//! The stores hold what has the operator's label; what others made has none. So a name under which the cluster has nothing is asked
//! for: a cluster that is as its spec says costs no read. Patroni's ConfigMaps are asked for while no member leads: then one that is
//! somebody else's may be the reason; and once all members of a deleted cluster are gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt};

use crate::api::{ClusterState, PostgresCluster};
use crate::build::needs;
use crate::child::{ChildRef, Kind};
use crate::name::{ClusterName, ROLE_PRIMARY};
use crate::own;
use crate::restore::in_place::generation;

use super::facts::{Children, InTheWay, PatroniMap, PodSeen, VolumeSeen};

/// What counts of a cluster to know where to look.
pub(super) struct Look<'a> {
    /// The cluster.
    pub cluster: &'a PostgresCluster,
    /// What it has.
    pub children: &'a Children,
    /// Its volume claims.
    pub volumes: &'a BTreeMap<String, VolumeSeen>,
    /// Its pods.
    pub pods: &'a BTreeMap<String, PodSeen>,
    /// The API server serves that kind.
    pub pod_monitors: bool,
}

/// How long what was found counts for a cluster whose spec can't be carried out: it is looked at every two seconds, as long as a person
/// takes, and what is in the way seldom goes by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What was found last for clusters that wait for a person, by UID.
#[derive(Clone, Default)]
pub(super) struct Looks(Arc<Mutex<HashMap<String, Found>>>);

/// What was found, when, and by which generation of the spec.
type Found = (Instant, Option<i64>, Standing);

impl Looks {
    /// Looks, unless what was found a moment ago still counts.
    ///
    /// # Errors
    /// Those of the API server.
    pub(super) async fn standing(&self, client: &Client, look: &Look<'_>) -> Result<Standing, kube::Error> {
        let meta = &look.cluster.metadata;
        let uid = meta.uid.clone().unwrap_or_default();
        let waits = meta.deletion_timestamp.is_none()
            && look.cluster.status.as_ref().is_some_and(|status| status.state == ClusterState::Invalid);
        if !waits {
            self.found().remove(&uid);
            return standing(client, look).await;
        }
        if let Some((at, generation, found)) = self.found().get(&uid)
            && at.elapsed() < LOOK_AGAIN
            && *generation == meta.generation
        {
            return Ok(found.clone());
        }
        let found = standing(client, look).await?;
        let mut all = self.found();
        // One that is gone is not looked at any more.
        all.retain(|_, (at, ..)| at.elapsed() < LOOK_AGAIN);
        all.insert(uid, (Instant::now(), meta.generation, found.clone()));
        Ok(found)
    }

    fn found(&self) -> MutexGuard<'_, HashMap<String, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was found.
#[derive(Clone, Default)]
pub(super) struct Standing {
    /// Objects of others.
    pub in_the_way: Vec<InTheWay>,
    /// Patroni's ConfigMaps that are this cluster's; none where nobody looked.
    pub patroni: Option<Vec<PatroniMap>>,
}

impl Look<'_> {
    fn name(&self) -> ClusterName {
        ClusterName::new(self.cluster.namespace().unwrap_or_default(), self.cluster.name_any())
    }

    /// Children that the cluster needs and does not have. One that goes needs none.
    pub(super) fn children(&self) -> Vec<ChildRef> {
        if self.cluster.metadata.deletion_timestamp.is_some() {
            return Vec::new();
        }
        let mut missing = needs(self.cluster, self.pod_monitors);
        missing.retain(|child| !self.children.0.contains_key(child));
        missing
    }

    /// Volume claims that its set would take up, and that it does not know.
    pub(super) fn claims(&self) -> Vec<String> {
        if self.cluster.metadata.deletion_timestamp.is_some() {
            return Vec::new();
        }
        let group = self.name().group(0);
        let generation = generation(self.children, self.volumes, &group);
        let claims = (0..self.cluster.spec.instances).map(|ordinal| group.volume(generation, ordinal));
        claims.filter(|claim| !self.volumes.contains_key(claim)).collect()
    }

    /// Whether Patroni's ConfigMaps count now.
    pub(super) fn patroni(&self) -> bool {
        if self.cluster.metadata.deletion_timestamp.is_some() {
            return self.pods.is_empty();
        }
        let set = self.children.get(Kind::StatefulSet, &self.name().group(0).scope());
        set.is_none() || !self.pods.values().any(|pod| pod.role.as_deref() == Some(ROLE_PRIMARY))
    }
}

/// Looks at all that counts.
///
/// # Errors
/// Those of the API server; an absent object is no error.
async fn standing(client: &Client, look: &Look<'_>) -> Result<Standing, kube::Error> {
    let children = look.children().into_iter().map(|wanted| child(client, look, wanted));
    let claims = look.claims().into_iter().map(|name| claim(client, look, name));
    let found = try_join_all(children).await?.into_iter().chain(try_join_all(claims).await?);
    let mut standing = Standing { in_the_way: found.flatten().collect(), patroni: None };
    if look.patroni() {
        let (ours, others) = patroni(client, look).await?;
        standing.in_the_way.extend(others);
        standing.patroni = Some(ours);
    }
    Ok(standing)
}

/// The object under the name of a child, if it is somebody else's.
pub(super) async fn child(
    client: &Client,
    look: &Look<'_>,
    wanted: ChildRef,
) -> Result<Option<InTheWay>, kube::Error> {
    let found = metadata(client, look, &wanted.kind.api_resource(), &wanted.name).await?;
    let uid = look.cluster.uid().unwrap_or_default();
    let foreign = found.filter(|meta| !own::child(wanted.kind, meta, &look.name(), &uid));
    Ok(foreign.map(|meta| InTheWay::new(wanted.kind, wanted.name, own::whose(&meta))))
}

/// The volume claim of this name, if it is somebody else's.
pub(super) async fn claim(
    client: &Client,
    look: &Look<'_>,
    name: String,
) -> Result<Option<InTheWay>, kube::Error> {
    let found = metadata(client, look, &ApiResource::erase::<PersistentVolumeClaim>(&()), &name).await?;
    let foreign = found.filter(|meta| !own::claim(meta, &look.name()));
    Ok(foreign.map(|meta| InTheWay::new("PersistentVolumeClaim", name, own::whose(&meta))))
}

/// Patroni's ConfigMaps: those of the cluster, and those of others.
pub(super) async fn patroni(
    client: &Client,
    look: &Look<'_>,
) -> Result<(Vec<PatroniMap>, Vec<InTheWay>), kube::Error> {
    let group = look.name().group(0);
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for name in group.patroni_state() {
        let found = metadata(client, look, &ApiResource::erase::<ConfigMap>(&()), &name).await?;
        match found {
            Some(meta) if own::patroni(&meta, &group, &look.cluster.metadata) => {
                ours.push(PatroniMap { name, uid: meta.uid.unwrap_or_default() });
            }
            Some(meta) => others.push(InTheWay::new(Kind::ConfigMap, name, own::whose(&meta))),
            None => {}
        }
    }
    Ok((ours, others))
}

async fn metadata(
    client: &Client,
    look: &Look<'_>,
    resource: &ApiResource,
    name: &str,
) -> Result<Option<ObjectMeta>, kube::Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &look.name().namespace, resource);
    Ok(api.get_metadata_opt(name).await?.map(|found| found.metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, settle, start};
    use serde_json::json;

    #[test]
    fn a_cluster_that_is_as_its_spec_says_costs_no_read_and_one_that_lacks_something_costs_that() {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        for ordinal in 0..3 {
            seen.volumes.insert(format!("data-c-{ordinal}"), VolumeSeen::default());
        }
        let costs = |seen: &crate::observe::Observed| {
            let look = Look {
                cluster: &seen.cluster,
                children: &seen.children,
                volumes: &seen.volumes,
                pods: &seen.pods,
                pod_monitors: true,
            };
            (look.children().len(), look.claims().len(), look.patroni())
        };
        assert_eq!(costs(&seen), (0, 0, false));
        seen.children.0.remove(&ChildRef::new(Kind::Service, "c-primary"));
        seen.volumes.remove("data-c-1");
        assert_eq!(costs(&seen), (1, 1, false));
        seen.pods.clear();
        assert_eq!(costs(&seen), (1, 1, true), "nobody leads: Patroni's own may be somebody else's");
    }
}
