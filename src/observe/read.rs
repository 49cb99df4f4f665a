//! One observation: all reads for one cluster, put together.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresCluster;
use crate::engine::hba::SUPERUSER;
use crate::engine::ports;
use crate::name::{COMPONENT_MEMBER, ClusterName};
use crate::own;
use crate::patroni::Patroni;
use crate::plan::suspects;
use crate::sql::session::{Credentials, Error as SqlError, Session};
use crate::sql::{Door, Ways};
use crate::upgrade::recorded;

use super::facts::{Children, LeaderSeen, MemberSeen, Observed, Platform, PodSeen, SlotsSeen};
use super::server::ServerKey;
use super::standing::Look;
use super::{database, given, passwords, restore, stores::Stores};

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
    }
    let children = stores.children(&name, &cluster.uid().unwrap_or_default());
    let pods = stores.pods(&name);
    let links = links(&name, &platform.domain, &children, &pods);
    let members = match &links {
        Some(links) => members(links, &pods).await,
        None => BTreeMap::new(),
    };
    let volumes = stores.volumes(&name);
    let pod_monitors = stores.pod_monitors();
    let look = Look { cluster: &cluster, children: &children, volumes: &volumes, pods: &pods, pod_monitors };
    let standing = stores.looks().standing(client, &look).await?;
    let mut seen = Observed {
        in_the_way: standing.in_the_way,
        patroni: standing.patroni,
        given: given::given(client, &name, &cluster.spec, &children, pod_monitors).await?,
        leaders: if suspects(&pods) { leaders(client, &name, &cluster).await? } else { BTreeMap::new() },
        database: None,
        database_unread: None,
        server: None,
        images: stores.images(),
        draining: stores.draining(),
        slots: SlotsSeen::default(),
        pull_failures: Vec::new(),
        restore: restore::restore(client, Some(&platform.namespace), &cluster, &children, &volumes).await?,
        volumes,
        backups: stores.backups(&cluster),
        platform: platform.clone(),
        children,
        pods,
        members,
        cluster,
    };
    let upgrading = recorded(&seen, &name.group(0)).is_some();
    let primary = seen.primary().filter(|name| seen.members.get(*name).is_some_and(|m| m.state == "running"));
    if let (Some(primary), Some(links)) = (primary.map(str::to_owned), &links) {
        let key = ServerKey::new(&seen, &primary);
        let wanted = &seen.cluster.spec;
        let read = database::database(&links.sql, &primary, wanted, key, stores.servers(), upgrading);
        match read.await {
            Ok(found) => {
                passwords::compare(&seen, &found).await;
                seen.database = Some(found);
            }
            Err(error) => {
                tracing::info!(%error, "the primary's catalogs can't be read yet");
                seen.database_unread = Some(error.to_string());
            }
        }
    }
    seen.server = stores.servers().last(&name);
    Ok(seen)
}

async fn members(links: &Links, pods: &BTreeMap<String, PodSeen>) -> BTreeMap<String, MemberSeen> {
    let asked = links.members().filter(|name| pods[*name].main.running).map(|name| async move {
        let mut member = links.patroni.member(name).await.ok()?;
        if member.role == "primary" {
            member.config = links.patroni.config(name).await.ok();
        }
        Some((name.clone(), member))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

pub(super) async fn leaders(
    client: &Client,
    name: &ClusterName,
    cluster: &PostgresCluster,
) -> Result<BTreeMap<i32, LeaderSeen>, kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name.namespace);
    let [_, leader, ..] = name.group(0).patroni_state();
    let ours = |map: &ConfigMap| own::patroni(&map.metadata, &name.group(0), &cluster.metadata);
    let Some(map) = maps.get_opt(&leader).await?.filter(ours) else { return Ok(BTreeMap::new()) };
    let holder = map.annotations().get("leader").cloned();
    let seen = holder
        .zip(map.resource_version())
        .map(|(holder, resource_version)| LeaderSeen { holder, resource_version });
    Ok(seen.map(|seen| (0, seen)).into_iter().collect())
}
