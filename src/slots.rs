//! Who holds the disruption slots of the fleet. Reconciles of many clusters run side by side, so a slot is taken under a
//! lock right before its steps; `status.slot`, written before the first of them, tells the next operator who holds one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::runtime::reflector::Store;

use crate::api::PostgresCluster;
use crate::name::ClusterName;
use crate::observe::SlotsSeen;

/// All clusters that exist, and whether their status tells that they hold a slot.
pub type Fleet = Box<dyn Fn() -> BTreeMap<ClusterName, bool> + Send + Sync>;

/// The fleet as a watch sees it. The store must have its first list when the fleet is asked.
pub fn watched(clusters: Store<PostgresCluster>) -> Fleet {
    let holds =
        |cluster: &PostgresCluster| cluster.status.as_ref().is_some_and(|status| status.slot.is_some());
    let name = |cluster: &PostgresCluster| {
        ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any())
    };
    Box::new(move || clusters.state().iter().map(|cluster| (name(cluster), holds(cluster))).collect())
}

/// The slots.
pub struct Slots {
    total: usize,
    fleet: Fleet,
    /// Holders; none until the fleet was asked for the first time.
    holders: Mutex<Option<BTreeSet<ClusterName>>>,
}

impl Slots {
    /// So many slots, at least one, over this fleet. The fleet is asked at the first use and not before.
    pub fn new(total: usize, fleet: Fleet) -> Self {
        Self { total: total.max(1), fleet, holders: Mutex::new(None) }
    }

    /// The slots as one cluster sees them.
    pub fn seen(&self, name: &ClusterName) -> SlotsSeen {
        let holders = self.holders();
        let holders = holders.as_ref().into_iter().flatten();
        let (mine, others): (Vec<_>, Vec<_>) = holders.cloned().partition(|holder| holder == name);
        SlotsSeen { total: self.total, held_by: others, mine: !mine.is_empty() }
    }

    /// Takes a slot, or keeps the one that the cluster has. False when another cluster was faster.
    pub fn take(&self, name: &ClusterName) -> bool {
        let mut holders = self.holders();
        let holders = holders.get_or_insert_default();
        if holders.contains(name) {
            return true;
        }
        let free = holders.len() < self.total;
        if free {
            holders.insert(name.clone());
        }
        free
    }

    /// Gives the slot back, if the cluster has one.
    pub fn release(&self, name: &ClusterName) {
        self.holders().get_or_insert_default().remove(name);
    }

    /// The holders that still exist.
    fn holders(&self) -> MutexGuard<'_, Option<BTreeSet<ClusterName>>> {
        // A panic elsewhere left a set that is whole: each change of it is one insert or remove.
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let fleet = (self.fleet)();
        match holders.as_mut() {
            Some(holders) => holders.retain(|name| fleet.contains_key(name)),
            None => {
                *holders = Some(fleet.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect())
            }
        }
        holders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn name(number: usize) -> ClusterName {
        ClusterName::new("shop", format!("c{number}"))
    }

    fn fleet(count: usize, holders: &[usize]) -> Fleet {
        let all: BTreeMap<_, _> =
            (0..count).map(|number| (name(number), holders.contains(&number))).collect();
        Box::new(move || all.clone())
    }

    #[test]
    fn a_slot_is_held_until_it_is_given_back() {
        let slots = Slots::new(1, fleet(2, &[]));
        assert!(slots.take(&name(0)) && slots.take(&name(0)), "taking it again keeps it");
        assert!(!slots.take(&name(1)));
        assert_eq!(slots.seen(&name(1)), SlotsSeen { total: 1, held_by: vec![name(0)], mine: false });
        assert_eq!(slots.seen(&name(0)), SlotsSeen { total: 1, held_by: vec![], mine: true });
        slots.release(&name(0));
        assert!(slots.take(&name(1)));
    }

    #[test]
    fn a_new_operator_knows_the_holders_from_their_status() {
        let slots = Slots::new(1, fleet(3, &[2]));
        assert!(!slots.take(&name(0)));
        assert!(slots.take(&name(2)), "the holder goes on");
    }

    #[test]
    fn a_cluster_that_is_gone_holds_nothing() {
        let left = Arc::new(AtomicUsize::new(2));
        let count = left.clone();
        let slots = Slots::new(1, Box::new(move || fleet(count.load(Ordering::SeqCst), &[])()));
        assert!(slots.take(&name(1)));
        left.store(1, Ordering::SeqCst);
        assert!(slots.take(&name(0)));
    }

    #[test]
    fn however_many_ask_at_once_no_more_get_one_than_there_are() {
        for total in [1, 3] {
            let slots = Slots::new(total, fleet(32, &[]));
            let won = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for number in 0..32 {
                    let (slots, won) = (&slots, &won);
                    scope.spawn(move || {
                        // As a reconcile does: look, and take only what looks free.
                        if slots.seen(&name(number)).held_by.len() < total && slots.take(&name(number)) {
                            won.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                }
            });
            assert_eq!(won.load(Ordering::SeqCst), total);
        }
    }
}
