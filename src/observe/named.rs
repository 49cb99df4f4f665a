//! Objects of people that specs name: Secrets and tuning ConfigMaps. Each is read once and again when it changed, so a cluster at rest
//! asks the API server for nothing; and a change wakes the clusters whose spec names the object.
//!
//! Of all such objects only name and namespace are watched; what is in one is read by name, and only when a spec names it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{Config, Error, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::PostgresCluster;
use crate::name::{ClusterName, LABEL_MANAGED_BY, LABEL_SCOPE, MANAGER};

use super::facts::{Children, SecretData, secret_data};
use super::given::secret_names;
use super::shelf::{Key, key};
use super::stores::Trigger;

/// Every namespace has this ConfigMap, and it is the API server's: it is not watched, and so not kept either.
const ROOT_CA: &str = "kube-root-ca.crt";
/// Secrets of these types are many, and no spec has a use for one.
const UNWATCHED_TYPES: [&str; 2] = ["helm.sh/release.v1", "kubernetes.io/service-account-token"];
/// Objects of a kind that are kept; past it all are let go of, which costs each another read. Names are whose who write specs, and
/// an object has 1 MiB at most.
const MOST: usize = 2_000;

#[derive(Debug)]
struct Known<T> {
    /// The watch has all objects, so that a change of one is not missed.
    live: bool,
    /// Changes seen: a read that one of them came between is not kept.
    changes: u64,
    objects: HashMap<Key, T>,
}

/// What objects of one kind said.
#[derive(Debug)]
struct Cache<T>(Arc<Mutex<Known<T>>>);

impl<T> Clone for Cache<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Known { live: false, changes: 0, objects: HashMap::new() })))
    }
}

impl<T: Clone> Cache<T> {
    fn known(&self) -> MutexGuard<'_, Known<T>> {
        // A panic elsewhere left a map that is whole: each change of it is one insert, remove or clear.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an object says: as it is known, else as `read` gives it. One that is missing is asked for each time, and so is one that
    /// is not watched.
    async fn get<K: Resource>(
        &self,
        key: Key,
        read: impl Future<Output = Result<Option<K>, kube::Error>>,
        watched: impl FnOnce(&K) -> bool,
        what: impl FnOnce(K) -> T,
    ) -> Result<Option<T>, kube::Error> {
        let changes = {
            let known = self.known();
            if let Some(found) = known.objects.get(&key) {
                return Ok(Some(found.clone()));
            }
            known.changes
        };
        let Some(object) = read.await? else { return Ok(None) };
        let kept = watched(&object);
        let found = what(object);
        let mut known = self.known();
        if kept && known.live && known.changes == changes {
            if known.objects.len() >= MOST {
                known.objects.clear();
            }
            known.objects.insert(key, found.clone());
        }
        Ok(Some(found))
    }

    /// Takes note of a change; gives the object that changed.
    fn note<K: Resource>(&self, event: Result<Event<K>, Error>) -> Option<Key> {
        let mut known = self.known();
        known.changes += 1;
        match event {
            Ok(Event::Apply(object) | Event::Delete(object) | Event::InitApply(object)) => {
                let key = key(&object);
                known.objects.remove(&key);
                return Some(key);
            }
            Ok(Event::Init) => {
                known.live = false;
                known.objects.clear();
            }
            Ok(Event::InitDone) => known.live = true,
            Err(error) => {
                tracing::warn!(%error, "a watch of objects that specs name broke off and starts again");
                known.objects.clear();
            }
        }
        None
    }
}

/// Whether a change of an object is told by the watch: it leaves out those with labels of the operator and of Patroni.
fn watched<K: Resource>(object: &K) -> bool {
    let labels = object.labels();
    labels.get(LABEL_MANAGED_BY).is_none_or(|manager| manager != MANAGER)
        && !labels.contains_key(LABEL_SCOPE)
        && object.name_any() != ROOT_CA
}

/// Secrets and ConfigMaps of people.
#[derive(Clone, Debug, Default)]
pub struct Named {
    maps: Cache<BTreeMap<String, String>>,
    secrets: Cache<SecretData>,
}

impl Named {
    /// Entries of a ConfigMap; none when it does not exist.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn map(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, kube::Error> {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let data = |map: ConfigMap| map.data.unwrap_or_default();
        self.maps.get((namespace.into(), name.into()), api.get_opt(name), watched, data).await
    }

    /// Entries of a Secret that are text; none when it does not exist.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn secret(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretData>, kube::Error> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let watched = |secret: &Secret| {
            let unwatched = |kind: &str| UNWATCHED_TYPES.contains(&kind);
            watched(secret) && !secret.type_.as_deref().is_some_and(unwatched)
        };
        let data = |secret: Secret| secret_data(&serde_json::to_value(secret).unwrap_or_default());
        self.secrets.get((namespace.into(), name.into()), api.get_opt(name), watched, data).await
    }

    /// Clusters to look at because an object that they name was made, changed or deleted. While it is polled, what was read is kept.
    pub fn watch(&self, client: &Client, clusters: Store<PostgresCluster>) -> Trigger {
        let others = || Config::default().labels(&format!("{LABEL_MANAGED_BY}!={MANAGER},!{LABEL_SCOPE}"));
        let maps = others().fields(&format!("metadata.name!={ROOT_CA}"));
        let maps = changes::<ConfigMap, _>(client, maps, &self.maps, clusters.clone(), |cluster, name| {
            let spec = &cluster.spec;
            spec.tuning.iter().chain(&spec.pooler.tuning).any(|tuning| tuning.config_map == name)
        });
        let types: Vec<String> = UNWATCHED_TYPES.iter().map(|kind| format!("type!={kind}")).collect();
        let secrets = others().fields(&types.join(","));
        let secrets = changes::<Secret, _>(client, secrets, &self.secrets, clusters, |cluster, name| {
            let of = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
            secret_names(&of, &cluster.spec, &Children::default()).contains(name)
        });
        stream::select(maps, secrets).boxed()
    }
}

fn changes<K, T>(
    client: &Client,
    config: Config,
    cache: &Cache<T>,
    clusters: Store<PostgresCluster>,
    names: fn(&PostgresCluster, &str) -> bool,
) -> Trigger
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
    T: Clone + Send + 'static,
{
    let cache = cache.clone();
    watcher(Api::<PartialObjectMeta<K>>::all(client.clone()), config)
        .default_backoff()
        .flat_map(move |event: Result<Event<PartialObjectMeta<K>>, Error>| {
            let concerned: HashSet<ObjectRef<PostgresCluster>> = match cache.note(event) {
                None => HashSet::new(),
                Some((namespace, name)) => clusters
                    .state()
                    .iter()
                    .filter(|cluster| {
                        cluster.namespace().as_ref() == Some(&namespace) && names(cluster, &name)
                    })
                    .map(|cluster| ObjectRef::from_obj(cluster.as_ref()))
                    .collect(),
            };
            stream::iter(concerned)
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use serde_json::{Value, json};
    use std::cell::Cell;

    fn map(text: &str, labels: Value) -> ConfigMap {
        let metadata = json!({"name": "m", "namespace": "shop", "labels": labels});
        serde_json::from_value(json!({"metadata": metadata, "data": {"k": text}})).unwrap()
    }

    /// Asks for the object, which holds `now`; gives what was said and how often the API server was asked.
    fn ask(cache: &Cache<String>, now: Option<ConfigMap>) -> (Option<String>, usize) {
        let asked = Cell::new(0);
        let read = async {
            asked.set(asked.get() + 1);
            Ok(now)
        };
        let key = ("shop".to_owned(), "m".to_owned());
        let said =
            cache.get(key, read, watched, |map| map.data.unwrap()["k"].clone()).now_or_never().unwrap();
        (said.unwrap(), asked.get())
    }

    fn watching() -> Cache<String> {
        let cache = Cache::default();
        cache.note::<ConfigMap>(Ok(Event::Init));
        cache.note::<ConfigMap>(Ok(Event::InitDone));
        cache
    }

    fn plain(text: &str) -> Option<ConfigMap> {
        Some(map(text, json!({})))
    }

    #[test]
    fn an_object_is_read_once_and_again_when_it_changed() {
        let cache = watching();
        assert_eq!(ask(&cache, plain("a")), (Some("a".into()), 1));
        assert_eq!(ask(&cache, plain("b")), (Some("a".into()), 0), "nothing told of a change");
        assert_eq!(cache.note(Ok(Event::Apply(map("b", json!({}))))), Some(("shop".into(), "m".into())));
        assert_eq!(ask(&cache, plain("b")), (Some("b".into()), 1));
        cache.note(Ok(Event::Delete(map("b", json!({})))));
        assert_eq!(ask(&cache, None), (None, 1));
        assert_eq!(
            ask(&cache, plain("c")),
            (Some("c".into()), 1),
            "one that is missing is asked for each time"
        );
    }

    #[test]
    fn nothing_is_kept_of_what_the_watch_does_not_tell() {
        let unwatched = Cache::default();
        for told in ["a", "b"] {
            assert_eq!(ask(&unwatched, plain(told)), (Some(told.into()), 1), "no list is there yet");
        }
        let cache = watching();
        for labels in [json!({LABEL_MANAGED_BY: MANAGER}), json!({LABEL_SCOPE: "x"})] {
            for told in ["a", "b"] {
                assert_eq!(ask(&cache, Some(map(told, labels.clone()))), (Some(told.into()), 1));
            }
        }
        ask(&cache, plain("a"));
        cache.note::<ConfigMap>(Ok(Event::Init));
        assert_eq!(
            ask(&cache, plain("b")),
            (Some("b".into()), 1),
            "a list anew: changes may have been missed"
        );
    }

    #[test]
    fn what_was_read_while_it_changed_is_not_kept() {
        let cache = watching();
        let read = async {
            cache.note(Ok(Event::Apply(map("new", json!({})))));
            Ok(plain("old"))
        };
        let key = ("shop".to_owned(), "m".to_owned());
        let data = |map: ConfigMap| map.data.unwrap()["k"].clone();
        cache.get(key, read, watched, data).now_or_never().unwrap().unwrap();
        assert_eq!(ask(&cache, plain("new")), (Some("new".into()), 1));
    }
}
