//! The typed `PostgresCluster` as a promise sees it.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use stylobate::api::{
    ClusterState, ClusterStatus, Database, MemberRole, PostgresCluster, PostgresClusterSpec, User,
};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;

use super::pods;
use super::stage::Stage;

/// Label with the name of the cluster on everything that it has.
pub const LABEL: &str = "stylobate.dev/cluster";

/// A cluster of the suite's namespace.
pub struct Cluster<'a> {
    /// Where it is.
    pub stage: &'a Stage,
    /// Its name.
    pub name: String,
    api: Api<PostgresCluster>,
}

/// The smallest spec that there is: members of 100m and 512Mi, one pooler, volumes of 1Gi.
pub fn small(version: &str, instances: i32) -> PostgresClusterSpec {
    serde_json::from_value(json!({
        "engine": {"version": version},
        "instances": instances,
        "resources": {"cpu": "100m", "memory": "512Mi"},
        "pooler": {"instances": 1},
        "storage": {"size": "1Gi"},
    }))
    .expect("the smallest spec is one")
}

/// With the user `app` and its database `bank`.
pub fn with_bank(mut spec: PostgresClusterSpec) -> PostgresClusterSpec {
    spec.users.push(User { name: "app".into(), password: None, options: vec![], replication_from: vec![] });
    spec.databases.push(Database { name: "bank".into(), owner: "app".into(), ..Database::default() });
    spec
}

impl Stage {
    /// A cluster of this name, whether it is there or not.
    pub fn cluster(&self, name: &str) -> Cluster<'_> {
        let api = Api::namespaced(self.world.client.clone(), &self.namespace);
        Cluster { stage: self, name: name.to_owned(), api }
    }
}

impl Cluster<'_> {
    /// Makes it.
    ///
    /// # Errors
    /// When the API server refuses it, with its words.
    pub async fn make(&self, spec: PostgresClusterSpec) -> Kept {
        self.api.create(&PostParams::default(), &PostgresCluster::new(&self.name, spec)).await?;
        Ok(())
    }

    /// The object.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get(&self) -> Kept<PostgresCluster> {
        Ok(self.api.get(&self.name).await?)
    }

    /// Whether the object is there.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn exists(&self) -> Kept<bool> {
        Ok(self.api.get_opt(&self.name).await?.is_some())
    }

    /// Its status.
    ///
    /// # Errors
    /// When it has none.
    pub async fn status(&self) -> Kept<ClusterStatus> {
        self.get().await?.status.ok_or_else(|| Broken::new(format!("{} has no status", self.name)))
    }

    /// Edits the spec by a merge patch.
    ///
    /// # Errors
    /// When the API server refuses it, with its words.
    pub async fn edit(&self, spec: Value) -> Kept {
        self.patch(json!({"spec": spec})).await
    }

    /// Sets annotations in the operator's name space; one without a value is removed.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn annotate(&self, annotations: &[(&str, Option<&str>)]) -> Kept {
        let all: serde_json::Map<String, Value> =
            annotations.iter().map(|(name, value)| (format!("stylobate.dev/{name}"), json!(value))).collect();
        self.patch(json!({"metadata": {"annotations": all}})).await
    }

    /// Changes an annotation that means nothing, so that the operator looks at it now.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn touch(&self) -> Kept {
        let now = jiff::Timestamp::now().to_string();
        self.patch(json!({"metadata": {"annotations": {"look": now}}})).await
    }

    async fn patch(&self, patch: Value) -> Kept {
        self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Healthy, and the conditions speak of the spec as it is now.
    ///
    /// # Errors
    /// What it is instead.
    pub async fn healthy(&self) -> Kept {
        let cluster = self.get().await?;
        let status = cluster.status.unwrap_or_default();
        let told = status.conditions.first().and_then(|condition| condition.observed_generation);
        same(&format!("the state of {}", self.name), status.state, ClusterState::Healthy)?;
        same("the generation that conditions speak of", told, cluster.metadata.generation)
    }

    /// Waits until it is [`Self::healthy`].
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn becomes_healthy(&self, seconds: u32) -> Kept {
        self.stage.within(seconds, async || self.healthy().await).await
    }

    /// A condition.
    ///
    /// # Errors
    /// When there is none of the type.
    pub async fn condition(&self, kind: &str) -> Kept<Condition> {
        let status = self.status().await?;
        let found = status.conditions.into_iter().find(|condition| condition.type_ == kind);
        found.ok_or_else(|| Broken::new(format!("{} has no condition {kind}", self.name)))
    }

    /// A condition's status, reason or message hold the text.
    ///
    /// # Errors
    /// What it says instead.
    pub async fn tells(&self, kind: &str, part: &str) -> Kept {
        let condition = self.condition(kind).await?;
        says(kind, &format!("{} {} {}", condition.status, condition.reason, condition.message), part)
    }

    /// Waits until a condition holds the text.
    ///
    /// # Errors
    /// What it says instead.
    pub async fn comes_to_tell(&self, seconds: u32, kind: &str, part: &str) -> Kept {
        self.stage.within(seconds, async || self.tells(kind, part).await).await
    }

    /// The pod that takes writes.
    ///
    /// # Errors
    /// When there is none.
    pub async fn primary(&self) -> Kept<String> {
        let primary = self.status().await?.primary;
        primary.ok_or_else(|| Broken::new(format!("{} has no primary", self.name)))
    }

    /// Patroni has taken two replicas into the synchronous quorum, which it does a while after they stream.
    ///
    /// # Errors
    /// How many there are.
    pub async fn quorum_is_seen(&self) -> Kept {
        let members = self.status().await?.members;
        let sync = members.iter().filter(|member| member.role == MemberRole::SyncReplica);
        same("replicas of the quorum", sync.count(), 2)
    }

    /// Pods of a component (`member`, `pooler`), sorted by name.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn pods(&self, component: &str) -> Kept<Vec<Pod>> {
        let labels = format!("{LABEL}={},app.kubernetes.io/component={component}", self.name);
        pods::labelled(&self.stage.pods(), &labels).await
    }

    /// Names of those pods.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn pod_names(&self, component: &str) -> Kept<Vec<String>> {
        Ok(self.pods(component).await?.iter().map(ResourceExt::name_any).collect())
    }

    /// Names and identities of the members.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn members(&self) -> Kept<Vec<(String, String)>> {
        let pods = self.pods("member").await?;
        Ok(pods.iter().map(|pod| (pod.name_any(), pod.uid().unwrap_or_default())).collect())
    }

    /// Volume claims: name, identity, volume. With a further selector of labels, those alone.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn claims(&self, selector: Option<&str>) -> Kept<Vec<(String, String, String)>> {
        let labels = [Some(format!("{LABEL}={}", self.name)), selector.map(str::to_owned)];
        let labels = labels.into_iter().flatten().collect::<Vec<_>>().join(",");
        let api =
            Api::<PersistentVolumeClaim>::namespaced(self.stage.world.client.clone(), &self.stage.namespace);
        let mut found: Vec<_> = api
            .list(&ListParams::default().labels(&labels))
            .await?
            .iter()
            .map(|claim| {
                let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
                (claim.name_any(), claim.uid().unwrap_or_default(), volume.unwrap_or_default())
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// Removes the object and does not wait.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn remove(&self) -> Kept {
        self.api.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until the object is gone.
    ///
    /// # Errors
    /// When it stays.
    pub async fn goes(&self, seconds: u32) -> Kept {
        if self.exists().await? {
            self.remove().await?;
        }
        let gone = async || {
            ensure!(!self.exists().await?, "{} is still there", self.name);
            Ok(())
        };
        self.stage.within(seconds, gone).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cluster_asks_for_little() {
        let spec = with_bank(small("17.91", 3));
        assert_eq!((spec.instances, spec.pooler.instances, spec.resources.cpu.0.as_str()), (3, 1, "100m"));
        assert_eq!((spec.users[0].name.as_str(), spec.databases[0].owner.as_str()), ("app", "app"));
    }
}
