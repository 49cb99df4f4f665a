//! One observation: all reads for one cluster, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresCluster;
use crate::engine::hba::SUPERUSER;
use crate::engine::ports;
use crate::name::{COMPONENT_MEMBER, ClusterName, ROLE_PRIMARY};
use crate::own;
use crate::patroni::Patroni;
use crate::plan::suspects;
use crate::restore::Course;
use crate::sql::session::{Credentials, Error as SqlError, Session};
use crate::sql::{Door, Ways};
use crate::upgrade::recorded;

use super::facts::{
    Children, LeaderSeen, MemberSeen, Observed, Platform, PodSeen, SlotsSeen, StoredSettings,
};
use super::leadership::needs_record;
use super::server::ServerKey;
use super::standing::Look;
use super::{database, given, logical, mirrors, passwords, restore, stores::Stores, tried};

/// Annotation of Patroni's ConfigMap `<scope>-config` with the dynamic configuration (Patroni 4.1, `dcs/kubernetes.py`).
pub const STORED: &str = "config";

/// Ways to the members of one cluster.
#[derive(Clone, Debug)]
pub struct Links {
    /// REST.
    pub patroni: Patroni,
    /// SQL.
    pub sql: Ways,
}

impl Links {
    /// A superuser session with a member.
    ///
    /// # Errors
    /// When the member has no address or does not let us in.
    pub async fn session(&self, member: &str, database: &str) -> Result<Session, SqlError> {
        self.sql.session(member, database).await
    }

    /// Pods that have an address.
    pub fn members(&self) -> impl Iterator<Item = &String> {
        self.sql.members()
    }
}

/// What the operator shows to members; none until its Secrets exist.
pub fn credentials(name: &ClusterName, children: &Children) -> Option<Credentials> {
    let tls = children.secret(&name.operator_tls())?;
    let passwords = children.secret(&name.credentials())?;
    Some(Credentials {
        authority: tls.get("ca.crt")?.expose().to_owned(),
        certificate: tls.get("tls.crt")?.expose().to_owned(),
        key: tls.get("tls.key")?.clone(),
        password: passwords.get(SUPERUSER)?.clone(),
    })
}

/// Ways to all members that have an address.
pub fn links(
    name: &ClusterName,
    domain: &str,
    children: &Children,
    pods: &BTreeMap<String, PodSeen>,
) -> Option<Links> {
    let credentials = credentials(name, children)?;
    let group = name.group(0);
    let members: Vec<(String, String, IpAddr)> = pods
        .iter()
        .filter(|(_, pod)| pod.component == COMPONENT_MEMBER)
        .filter_map(|(pod, seen)| {
            Some((pod.clone(), group.member_host(pod, domain), seen.ip.as_ref()?.parse().ok()?))
        })
        .collect();
    let patroni = Patroni::new(&credentials, &members)
        .inspect_err(|error| tracing::warn!(%error, "members can't be asked"))
        .ok()?;
    let door = |(pod, host, ip): (String, String, IpAddr)| {
        (pod, Door { host, address: SocketAddr::new(ip, ports::POSTGRES as u16) })
    };
    let sql = Ways::new(credentials, members.into_iter().map(door).collect());
    Some(Links { patroni, sql })
}

/// Reads everything.
///
/// # Errors
/// Those of the API server. A member that does not answer is a fact, not an error.
pub async fn observe(
    client: &Client,
    stores: &Stores,
    platform: &Platform,
    cluster: Arc<PostgresCluster>,
) -> Result<Observed, kube::Error> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    if cluster.metadata.deletion_timestamp.is_some() {
        stores.servers().forget(&name);
        stores.contests().forget(&name);
    }
    let children = stores.children(&name, &cluster.uid().unwrap_or_default());
    let images = stores.images();
    let mut pods = stores.pods(&name);
    mirrors::weigh(&mut pods, &cluster, &children, &images);
    let links = links(&name, &platform.domain, &children, &pods);
    let members = match &links {
        Some(links) => members(links, &pods, &stores.lost_nodes()).await,
        None => BTreeMap::new(),
    };
    let leaders = if suspects(&pods) || needs_record(&name.group(0), &pods, &members) {
        leaders(client, &name, &cluster).await?
    } else {
        BTreeMap::new()
    };
    // One that never ran has no settings to mend, and what is stored of it is Patroni's to make.
    let ran = cluster.status.as_ref().is_some_and(|status| status.system_identifier.is_some());
    let silent = ran && !members.values().any(|member| member.config.is_some());
    let volumes = stores.volumes(&name);
    let pod_monitors = stores.pod_monitors();
    let look = Look { cluster: &cluster, children: &children, volumes: &volumes, pods: &pods, pod_monitors };
    let standing = stores.looks().standing(client, &look).await?;
    let mut seen = Observed {
        given: given::given(client, stores, &name, &cluster.spec, &children).await?,
        stored: if silent { stored(client, &name).await? } else { BTreeMap::new() },
        leaders,
        in_the_way: standing.in_the_way,
        patroni: standing.patroni,
        database: None,
        database_unread: None,
        server: None,
        images,
        refusals: stores.refusals(&name, &children, &pods),
        draining: stores.draining(),
        slots: SlotsSeen::default(),
        pull_failures: Vec::new(),
        restore: restore::restore(client, Some(&platform.namespace), &cluster, &children, &volumes).await?,
        volumes,
        backups: stores.backups(&cluster),
        contests: stores.contests().of(&name),
        platform: platform.clone(),
        children,
        pods,
        members,
        cluster,
    };
    let upgrading = recorded(&seen, &name.group(0)).is_some();
    let told = seen.cluster.status.as_ref().and_then(|status| status.restore.as_ref()?.reached.as_ref());
    let restoring = told.is_none()
        && Course::recorded(&seen.children, &name.group(0)).is_some_and(|course| course.reads_archive());
    let primary = seen.primary().filter(|name| seen.members.get(*name).is_some_and(|m| m.state == "running"));
    let primary = primary.map(str::to_owned);
    if let (Some(primary), Some(links)) = (primary.clone(), &links) {
        let key = ServerKey::new(&seen, &primary);
        let wanted = &seen.cluster.spec;
        let read =
            database::database(&links.sql, &primary, wanted, key, stores.servers(), upgrading, restoring);
        match read.await {
            Ok(mut found) => {
                passwords::compare(&seen, &found).await;
                let image = |pod: &String| seen.pods.get(pod).map(|pod| pod.main.image.as_str());
                let others = seen.members.keys().filter(|name| image(name) != image(&primary));
                for pod in others {
                    database::orders_on(&links.sql, pod, &mut found).await;
                }
                if found.logical.running {
                    let others = seen.members.keys().filter(|name| **name != primary).cloned();
                    logical::standbys(&links.sql, others, &mut found.logical).await;
                }
                seen.database = Some(found);
            }
            Err(error) => {
                tracing::info!(%error, "the primary's catalogs can't be read yet");
                seen.database_unread = Some(error.to_string());
            }
        }
    }
    seen.server = stores.servers().last(&name);
    if let (Some(primary), Some(links), true) = (primary, &links, seen.database.is_some()) {
        let key = ServerKey::new(&seen, &primary);
        if let Err(error) = tried::ask(&seen, &links.sql, &primary, &key, stores.servers()).await {
            tracing::info!(%error, "the primary can't be asked yet whether it takes the settings");
        }
        seen.server = stores.servers().last(&name);
    }
    Ok(seen)
}

async fn members(
    links: &Links,
    pods: &BTreeMap<String, PodSeen>,
    lost: &BTreeSet<String>,
) -> BTreeMap<String, MemberSeen> {
    let asked = links.members().filter(|name| answers(&pods[*name], lost)).map(|name| async move {
        let member = links.patroni.member(name).await.ok()?;
        Some((name.clone(), member))
    });
    let mut members: BTreeMap<String, MemberSeen> = join_all(asked).await.into_iter().flatten().collect();
    // All members of a group have the same. The primary knows it first; without one, any tells it, also while its Postgres is down.
    let mut names: Vec<String> = members.keys().cloned().collect();
    names.sort_by_key(|name| members[name].role != ROLE_PRIMARY);
    for name in names {
        if let Ok(config) = links.patroni.config(&name).await {
            members.entry(name).and_modify(|member| member.config = Some(config));
            break;
        }
    }
    members
}

/// Patroni's dynamic configuration, from the ConfigMap that Patroni keeps it in.
async fn stored(client: &Client, name: &ClusterName) -> Result<BTreeMap<i32, StoredSettings>, kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name.namespace);
    let [config, ..] = name.group(0).patroni_state();
    let Some(map) = maps.get_opt(&config).await? else { return Ok(BTreeMap::new()) };
    let config = map.annotations().get(STORED).and_then(|text| serde_json::from_str(text).ok());
    let seen = config
        .zip(map.resource_version())
        .map(|(config, resource_version)| StoredSettings { config, resource_version });
    Ok(seen.map(|seen| (0, seen)).into_iter().collect())
}

/// Whether a member may answer. Those of a lost node do not, and asking each in every round would cost its time-out; should one run on
/// there, no client finds it either, since its pod is not ready.
fn answers(pod: &PodSeen, lost: &BTreeSet<String>) -> bool {
    let away = !pod.ready && pod.node.as_ref().is_some_and(|node| lost.contains(node));
    pod.main.running && !away
}

pub(super) async fn leaders(
    client: &Client,
    name: &ClusterName,
    cluster: &PostgresCluster,
) -> Result<BTreeMap<i32, LeaderSeen>, kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name.namespace);
    let [_, record, ..] = name.group(0).patroni_state();
    let ours = |map: &ConfigMap| own::patroni(&map.metadata, &name.group(0), &cluster.metadata);
    let Some(map) = maps.get_opt(&record).await?.filter(ours) else { return Ok(BTreeMap::new()) };
    Ok(leader(&map).map(|seen| (0, seen)).into_iter().collect())
}

/// The leader record in its ConfigMap; none once it was given up.
fn leader(map: &ConfigMap) -> Option<LeaderSeen> {
    let note = |key: &str| map.annotations().get(key);
    Some(LeaderSeen {
        holder: note("leader")?.clone(),
        resource_version: map.resource_version()?,
        renewed: note("renewTime").and_then(|time| time.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_of_a_lost_node_is_not_asked() {
        let mut pod = PodSeen { node: Some("n-1".into()), ..PodSeen::default() };
        pod.main.running = true;
        let lost = BTreeSet::from(["n-1".to_owned()]);
        assert!(!answers(&pod, &lost));
        assert!(answers(&pod, &BTreeSet::new()));
        pod.ready = true;
        assert!(answers(&pod, &lost), "Kubernetes says that it serves");
    }

    #[test]
    fn the_leader_record_is_read_as_patroni_writes_it() {
        let map = |notes: serde_json::Value| -> ConfigMap {
            let meta = json!({"name": "c-leader", "resourceVersion": "7", "annotations": notes});
            serde_json::from_value(json!({"metadata": meta})).unwrap()
        };
        let held = leader(&map(json!({"leader": "c-0", "renewTime": "2026-11-29T14:00:05.123456+00:00"})));
        let renewed = "2026-11-29T14:00:05.123456Z".parse().ok();
        let wanted = LeaderSeen { holder: "c-0".into(), resource_version: "7".into(), renewed };
        assert_eq!(held, Some(wanted));
        assert_eq!(leader(&map(json!({"renewTime": "2026-11-29T14:00:05.123456+00:00"}))), None);
    }
}
