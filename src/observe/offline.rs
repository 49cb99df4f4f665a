//! One observation without a way to the members: what the API server alone tells a person who may read one namespace.
//!
//! Patroni writes down what it is asked by REST otherwise: the configuration in the annotation of a ConfigMap, what each
//! member says of itself in the annotation of its pod. What can't be read is told and never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::core::{DynamicObject, TypeMeta};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::{MemberRole, MemberStatus, OperatorStatus, PostgresBackup, PostgresCluster};
use crate::child::{ChildRef, Kind};
use crate::fleet::{PullFailure, pull_failures};
use crate::images::{CONFIG_MAP, CatalogSeen, Entry, ImageCatalog};
use crate::name::{ClusterName, LABEL_CLUSTER, LABEL_MANAGED_BY, MANAGER};
use crate::own;
use crate::patroni::pending;
use crate::plan::suspects;
use crate::target::{MAJORS, Version, Wanted};

use super::facts::{
    BackupSeen, Children, Given, MemberSeen, Observed, Platform, RestoreSeen, SlotsSeen, StoredSettings,
    VolumeSeen,
};
use super::leadership::needs_record;
use super::standing::{self, Look, Standing};
use super::{given, images, mirrors, nodes, pods, read, restore, stores};

/// An observation with holes.
pub struct Offline {
    /// What is seen.
    pub seen: Observed,
    /// Kinds of children that the person may not read: nothing can be said of them.
    pub blind: BTreeSet<Kind>,
    /// What else is not known, in words.
    pub unknown: Vec<String>,
}

/// Reads what the API server has of a cluster.
///
/// # Errors
/// Those of the API server, but for a missing right or an absent object, which are facts.
pub async fn offline(client: &Client, cluster: Arc<PostgresCluster>) -> Result<Offline, kube::Error> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let mut reader =
        Reader { client, name: &name, blind: BTreeSet::new(), unknown: Vec::new(), pod_monitors: false };
    let children = reader.children(&cluster.uid().unwrap_or_default()).await?;
    let pods: Vec<Pod> = reader.list("pods").await?;
    let volumes: Vec<PersistentVolumeClaim> = reader.list("volume claims").await?;
    let volumes: BTreeMap<String, VolumeSeen> =
        volumes.iter().map(|claim| (claim.name_any(), pods::volume(claim))).collect();
    let given = reader.given(&cluster, &children).await?;
    let (slots, pull_failures) = reader.fleet(&cluster).await?;
    let draining = reader.draining().await?;
    let backups = reader.backups(&cluster).await?;
    let config = reader.config().await?;
    let mut seen_pods = pods.iter().map(|pod| (pod.name_any(), pods::pod(pod))).collect();
    let platform = reader.platform(&cluster);
    let images = reader.images(&platform.namespace, &cluster).await?;
    mirrors::weigh(&mut seen_pods, &cluster, &children, &images);
    let restore = reader.restore(&platform.namespace, &cluster, &children, &volumes).await?;
    let (config, stored) = config.unzip();
    let members = members(&cluster, &pods, config);
    // As while no member tells it: where it is stored it can be changed.
    let ran = cluster.status.as_ref().is_some_and(|status| status.system_identifier.is_some());
    let told = members.values().any(|member| member.config.is_some());
    let stored = stored.filter(|_| ran && !told).map(|stored| (0, stored)).into_iter().collect();
    let leaders = if suspects(&seen_pods) || needs_record(&name.group(0), &seen_pods, &members) {
        read::leaders(client, &name, &cluster).await?
    } else {
        BTreeMap::new()
    };
    let pod_monitors = reader.pod_monitors;
    let look =
        Look { cluster: &cluster, children: &children, volumes: &volumes, pods: &seen_pods, pod_monitors };
    let Standing { in_the_way, patroni } = reader.standing(&look).await?;
    reader.unknown.push("SQL steps (users, databases, extensions): the catalogs are not read".into());
    let Reader { blind, unknown, .. } = reader;
    let seen = Observed {
        members,
        platform,
        images,
        in_the_way,
        patroni,
        children,
        given,
        pods: seen_pods,
        volumes,
        leaders,
        stored,
        database: None,
        server: None,
        database_unread: None,
        // Who plans sees them in the status, by the operator's word.
        refusals: Vec::new(),
        draining,
        slots,
        pull_failures,
        restore,
        backups,
        // The operator alone remembers them; what it says of them stands in the status.
        contests: BTreeMap::new(),
        cluster,
    };
    Ok(Offline { seen, blind, unknown })
}

struct Reader<'a> {
    client: &'a Client,
    name: &'a ClusterName,
    blind: BTreeSet<Kind>,
    unknown: Vec<String>,
    pod_monitors: bool,
}

impl Reader<'_> {
    fn selected(&self) -> ListParams {
        ListParams::default()
            .labels(&format!("{LABEL_MANAGED_BY}={MANAGER},{LABEL_CLUSTER}={}", self.name.name))
    }

    /// What was read; none when the person has no right to it.
    fn allowed<T>(&mut self, what: &str, read: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                self.unknown.push(format!("{what}: you have no right to read them"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn list<K>(&mut self, what: &str) -> Result<Vec<K>, kube::Error>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
        K: Clone + std::fmt::Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &self.name.namespace);
        let found = api.list(&self.selected()).await;
        Ok(self.allowed(what, found)?.map(|list| list.items).unwrap_or_default())
    }

    async fn children(&mut self, uid: &str) -> Result<Children, kube::Error> {
        let mut children = BTreeMap::new();
        for kind in Kind::ALL {
            let resource = kind.api_resource();
            let types = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), &self.name.namespace, &resource);
            let found = match api.list(&self.selected()).await {
                // A kind that nobody installed is a plain 404, without a Status of the API server.
                Err(kube::Error::Api(status)) if kind.optional() && status.code == 404 => continue,
                found => self.allowed(&resource.plural, found)?,
            };
            // Whether a kind is served that may not be read can't be told; that it is missing would be a false alarm.
            self.pod_monitors |= kind == Kind::PodMonitor;
            let Some(found) = found else {
                self.blind.insert(kind);
                continue;
            };
            for mut object in found.items {
                if own::child(kind, &object.metadata, self.name, uid) {
                    stores::prune(&mut object);
                    object.types.get_or_insert_with(|| types.clone());
                    let body = serde_json::to_value(&object).unwrap_or_default();
                    children.insert(ChildRef::new(kind, object.name_any()), body);
                }
            }
        }
        Ok(Children(children))
    }

    async fn given(&mut self, cluster: &PostgresCluster, children: &Children) -> Result<Given, kube::Error> {
        let mut given = Given { pod_monitors: self.pod_monitors, ..Given::default() };
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.name.namespace);
        if !self.blind.contains(&Kind::Secret) {
            for secret in given::secret_names(self.name, &cluster.spec, children) {
                let data =
                    self.allowed(&format!("Secret {secret}"), secrets.get_opt(&secret).await)?.flatten();
                let data = data
                    .map(|found| super::facts::secret_data(&serde_json::to_value(found).unwrap_or_default()));
                given.secrets.insert(secret, data);
            }
        }
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.name.namespace);
        for tuning in cluster.spec.tuning.iter().chain(&cluster.spec.pooler.tuning) {
            let found = maps.get_opt(&tuning.config_map).await;
            let map = self.allowed(&format!("ConfigMap {}", tuning.config_map), found)?.flatten();
            given.tuning.insert(tuning.config_map.clone(), map.map(|map| map.data.unwrap_or_default()));
        }
        let classes: Api<StorageClass> = Api::all(self.client.clone());
        let classes = classes.list(&ListParams::default()).await;
        if let Some(classes) = self.allowed("StorageClasses", classes)? {
            let wanted = cluster.spec.storage.storage_class.as_deref();
            given::storage_class(&classes.items, wanted).told(&mut given);
        }
        Ok(given)
    }

    /// Objects of others, as far as the person may read them.
    async fn standing(&mut self, look: &Look<'_>) -> Result<Standing, kube::Error> {
        let mut found = Standing::default();
        for wanted in look.children() {
            let what = format!("whether {wanted} is somebody else's");
            let seen = standing::child(self.client, look, wanted).await;
            found.in_the_way.extend(self.allowed(&what, seen)?.flatten());
        }
        for name in look.claims() {
            let what = format!("whether volume claim {name} is somebody else's");
            let seen = standing::claim(self.client, look, name).await;
            found.in_the_way.extend(self.allowed(&what, seen)?.flatten());
        }
        if look.patroni() {
            let seen = standing::patroni(self.client, look).await;
            if let Some((ours, others)) = self.allowed("Patroni's ConfigMaps", seen)? {
                found.in_the_way.extend(others);
                found.patroni = Some(ours);
            }
        }
        Ok(found)
    }

    /// What a cluster that is made from a backup begins with.
    async fn restore(
        &mut self,
        manifests: &str,
        cluster: &PostgresCluster,
        children: &Children,
        volumes: &BTreeMap<String, VolumeSeen>,
    ) -> Result<RestoreSeen, kube::Error> {
        let mut found = restore::restore(self.client, Some(manifests), cluster, children, volumes).await;
        if matches!(&found, Err(kube::Error::Api(status)) if status.is_forbidden()) {
            found = restore::restore(self.client, None, cluster, children, volumes).await;
            if found.is_ok() {
                let copies = format!(
                    "backups whose objects are gone: you have no right to read their copies in {manifests}"
                );
                self.unknown.push(copies);
            }
        }
        Ok(self.allowed("the backup that the cluster is made from", found)?.unwrap_or_default())
    }

    /// Nodes that are being emptied.
    async fn draining(&mut self) -> Result<BTreeMap<String, String>, kube::Error> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let found = nodes.list(&ListParams::default()).await;
        let found = self.allowed("nodes that are being emptied", found)?;
        let signs = found.iter().flatten().filter_map(|node| Some((node.name_any(), nodes::draining(node)?)));
        Ok(signs.collect())
    }

    /// Backups; none where nobody installed their definition.
    async fn backups(
        &mut self,
        cluster: &PostgresCluster,
    ) -> Result<Option<BTreeMap<String, BackupSeen>>, kube::Error> {
        let api: Api<PostgresBackup> = Api::namespaced(self.client.clone(), &self.name.namespace);
        match api.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            found => Ok(self
                .allowed("backups", found)?
                .map(|list| super::backups::of_cluster(list.items.iter(), cluster))),
        }
    }

    /// Who else is disrupted, or can't pull an image: known only to a person who may list clusters everywhere.
    async fn fleet(
        &mut self,
        cluster: &PostgresCluster,
    ) -> Result<(SlotsSeen, Vec<PullFailure>), kube::Error> {
        let all: Api<PostgresCluster> = Api::all(self.client.clone());
        let found = all.list(&ListParams::default()).await;
        let found = self.allowed("disruption slots that clusters of other namespaces hold", found)?;
        let holds = |cluster: &PostgresCluster| cluster.status.as_ref().is_some_and(|s| s.slot.is_some());
        let operator = cluster.status.as_ref().and_then(|status| status.operator.as_ref());
        let held_by = found.iter().flatten().filter(|other| holds(other) && other.uid() != cluster.uid());
        let held_by =
            held_by.map(|other| ClusterName::new(other.namespace().unwrap_or_default(), other.name_any()));
        let slots = SlotsSeen {
            total: operator.map_or(1, |operator| operator.disruption_slots.max(1) as usize),
            held_by: held_by.collect(),
            mine: holds(cluster),
        };
        Ok((slots, pull_failures(self.name, found.iter().flatten())))
    }

    /// Patroni's dynamic configuration, and the same as it is stored.
    async fn config(&mut self) -> Result<Option<(Value, StoredSettings)>, kube::Error> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.name.namespace);
        let [config, ..] = self.name.group(0).patroni_state();
        let found = maps.get_opt(&config).await;
        let map = self.allowed(&format!("ConfigMap {config}"), found)?.flatten();
        Ok(map.and_then(|map| {
            let config: Value = serde_json::from_str(map.annotations().get("config")?).ok()?;
            let resource_version = map.resource_version()?;
            Some((config.clone(), StoredSettings { config, resource_version }))
        }))
    }

    /// The settings of the operator that keeps this cluster.
    fn platform(&mut self, cluster: &PostgresCluster) -> Platform {
        let told = cluster.status.as_ref().and_then(|status| status.operator.clone());
        let own = env!("CARGO_PKG_VERSION");
        match &told {
            None => self.unknown.push(
                "the operator's own settings (image of the pooler, DNS domain): no operator has written the status yet, so \
                 defaults stand in for them"
                    .into(),
            ),
            Some(operator) if operator.version != own => self.unknown.push(format!(
                "what operator {} does otherwise: this command is of release {own}",
                operator.version
            )),
            Some(_) => {}
        }
        let operator = told.unwrap_or_else(|| OperatorStatus {
            domain: "cluster.local".into(),
            namespace: "stylobate-system".into(),
            ..OperatorStatus::default()
        });
        let OperatorStatus { pooler_image, pgbouncer_image, domain, namespace, .. } = operator;
        Platform { pooler_image, pgbouncer_image, domain, namespace }
    }

    /// The image catalog. Who may not read it is told so, and what the operator last said stands in.
    async fn images(
        &mut self,
        namespace: &str,
        cluster: &PostgresCluster,
    ) -> Result<CatalogSeen, kube::Error> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let what = format!(
            "images of versions that do not run yet, in ConfigMap {CONFIG_MAP} of namespace {namespace}"
        );
        let found = self.allowed(&what, maps.get_opt(CONFIG_MAP).await)?;
        Ok(match found {
            Some(map) => map.as_ref().map_or(CatalogSeen::Missing, images::seen),
            None => stand_in(cluster),
        })
    }
}

/// A catalog that has what runs and what the spec asks for, under names that are none where the image is not known.
fn stand_in(cluster: &PostgresCluster) -> CatalogSeen {
    let flavor = cluster.spec.engine.flavor;
    let engine = cluster.status.as_ref().and_then(|status| status.engine.clone()).unwrap_or_default();
    let wanted = Wanted::parse(&cluster.spec.engine.version).ok();
    let told = [engine.wanted.as_ref(), engine.available.as_ref(), engine.running.as_ref()];
    let told = told.into_iter().flatten().filter_map(|text| Version::read(text));
    let exact = wanted.and_then(|wanted| match wanted {
        Wanted::Exact(version) => Some(version),
        Wanted::Major(_) => None,
    });
    let from = MAJORS.into_iter().filter(|major| wanted.is_some_and(|wanted| *major < wanted.major()));
    let versions: BTreeSet<Version> = told.chain(exact).collect();
    let entries = versions.into_iter().flat_map(|version| {
        let known = (engine.wanted == Some(version.to_string())).then(|| engine.image.clone()).flatten();
        let image = |from: Option<i32>| match (&known, from) {
            (Some(image), None) => image.clone(),
            (_, None) => format!("(the image of {version})"),
            (_, Some(from)) => format!("(the image of {from} and {version})"),
        };
        let entry = move |from| Entry {
            flavor,
            version,
            image: image(from),
            since: Default::default(),
            withdrawn: None,
            upgrades_from: from,
        };
        std::iter::once(None).chain(from.clone().map(Some)).map(entry).collect::<Vec<_>>()
    });
    CatalogSeen::Good(Arc::new(ImageCatalog::of(entries.collect())))
}

/// What members said of themselves when the operator last asked them, and what Patroni wrote on their pods since.
fn members(cluster: &PostgresCluster, pods: &[Pod], config: Option<Value>) -> BTreeMap<String, MemberSeen> {
    let status = cluster.status.clone().unwrap_or_default();
    let rows = status.members.iter().filter(|row| row.role != MemberRole::Unknown);
    rows.map(|row| {
        let said = pods.iter().find(|pod| pod.name_any() == row.name);
        let said = said.and_then(|pod| serde_json::from_str(pod.annotations().get("status")?).ok());
        let mut member = member(row, said.unwrap_or_default());
        member.system_identifier = status.system_identifier.clone();
        member.config = config.clone().filter(|_| row.role == MemberRole::Primary);
        (row.name.clone(), member)
    })
    .collect()
}

fn member(row: &MemberStatus, said: Value) -> MemberSeen {
    let leads = row.role == MemberRole::Primary;
    let version = row.version.as_deref().and_then(Version::read);
    // The row of a follower says how it replicates in place of its state.
    let follows = (!leads && row.state != "starting").then(|| row.state.clone());
    MemberSeen {
        state: if follows.is_some() { "running".into() } else { row.state.clone() },
        role: if leads { "primary" } else { "replica" }.into(),
        timeline: row.timeline,
        server_version: version.map(|version| i64::from(version.major) * 10_000 + i64::from(version.minor)),
        synchronous: row.role == MemberRole::SyncReplica,
        replication: follows,
        position: said.get("xlog_location").and_then(Value::as_i64),
        pending_restart: row.pending_restart,
        pending: pending(&said),
        ..MemberSeen::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_is_known_by_its_row_and_by_what_patroni_wrote_on_its_pod() {
        let row: MemberStatus = serde_json::from_value(json!({
            "name": "c-1", "role": "SyncReplica", "state": "streaming", "version": "17.91", "timeline": 3,
            "pendingRestart": true,
        }))
        .unwrap();
        let said = json!({"xlog_location": 77, "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "200"}}});
        let member = member(&row, said);
        assert_eq!((member.state.as_str(), member.role.as_str()), ("running", "replica"));
        assert_eq!(member.replication.as_deref(), Some("streaming"));
        assert_eq!((member.server_version, member.position), (Some(170_091), Some(77)));
        assert_eq!(member.pending["max_connections"].new, "200");
    }
}
