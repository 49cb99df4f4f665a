//! Objects of others, and how the API server keeps them: one under a name that is taken is not made, and none is deleted or changed by
//! the UID of another one.

use stylobate::build::needs;
use stylobate::child::Kind;
use stylobate::observe::{InTheWay, PatroniMap};

use super::World;

impl World {
    /// Somebody makes an object. What the cluster had under that name he removed before.
    pub fn make_other(&mut self, kind: &str, name: &str, whose: &str) {
        self.children.retain(|child, _| !(child.kind.to_string() == kind && child.name == name));
        self.others.insert((kind.to_owned(), name.to_owned()), whose.to_owned());
    }

    /// Its owner removes it.
    pub fn remove_other(&mut self, kind: &str, name: &str) {
        let gone = self.others.remove(&(kind.to_owned(), name.to_owned()));
        assert!(gone.is_some(), "nobody else has {kind} {name}");
    }

    /// True where an object of others answers a write with a conflict. It is remembered, so that a script can show it.
    pub fn conflicts(&mut self, kind: impl std::fmt::Display, name: &str) -> bool {
        let key = (kind.to_string(), name.to_owned());
        let taken = self.others.contains_key(&key);
        if taken {
            self.conflicts.push(format!("{} {}", key.0, key.1));
        }
        taken
    }

    /// What the operator finds in the way, as `src/observe/standing.rs` does.
    pub fn in_the_way(&self) -> Vec<InTheWay> {
        if self.cluster.metadata.deletion_timestamp.is_some() {
            return Vec::new();
        }
        let children =
            needs(&self.cluster, false).into_iter().filter(|child| !self.children.contains_key(child));
        let children = children.map(|child| (child.kind.to_string(), child.name));
        let claims = (0..self.cluster.spec.instances).map(|ordinal| self.group().volume(1, ordinal));
        let claims = claims.map(|claim| ("PersistentVolumeClaim".to_owned(), claim));
        let maps = self.group().patroni_state().into_iter().filter(|_| self.patroni_counts());
        let maps = maps.map(|map| (Kind::ConfigMap.to_string(), map));
        let found = children.chain(claims).chain(maps);
        found
            .filter_map(|key| {
                let whose = self.others.get(&key)?;
                Some(InTheWay::new(&key.0, &key.1, whose))
            })
            .collect()
    }

    /// Patroni's ConfigMaps that are this cluster's, where somebody looked.
    pub fn patroni_maps(&self) -> Option<Vec<PatroniMap>> {
        let made = self.config.is_some();
        let free = |name: &String| !self.others.contains_key(&(Kind::ConfigMap.to_string(), name.clone()));
        let maps = self.group().patroni_state().into_iter().filter(|name| made && free(name));
        let map = |name: String| PatroniMap { uid: format!("uid-of-{name}"), name };
        self.patroni_counts().then(|| maps.map(map).collect())
    }

    /// True where a ConfigMap of others keeps Patroni from electing anybody.
    pub fn patroni_is_kept_out(&self) -> bool {
        let taken = |name: &String| self.others.contains_key(&(Kind::ConfigMap.to_string(), name.clone()));
        self.group().patroni_state().iter().any(taken)
    }

    fn patroni_counts(&self) -> bool {
        if self.cluster.metadata.deletion_timestamp.is_some() {
            return self.pods.is_empty();
        }
        let led = self.pods.values().any(|pod| pod.role.as_deref() == Some(stylobate::name::ROLE_PRIMARY));
        self.child(Kind::StatefulSet, &self.group().scope()).is_none() || !led
    }

    /// Objects of others, and what was refused because of them.
    pub fn show_others(&self) -> String {
        let others = self.others.keys().map(|(kind, name)| format!("  {kind} {name}\n"));
        let refused = self.conflicts.iter().map(|object| format!("  409 because of {object}\n"));
        others.chain(refused).collect()
    }
}
