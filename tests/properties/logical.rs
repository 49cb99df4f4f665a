//! Slots of replication as a server may tell them.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use stylobate::observe::{LogicalSeen, SlotSeen};

use super::{name, typed};

prop_compose! {
    fn slot()(
        plugin in typed(), database in typed(), flags in vec(any::<bool>(), 4), lost in option::of(typed()),
        kept in option::of(any::<i64>()), left in option::of(any::<i64>()),
    ) -> SlotSeen {
        let (temporary, active, failover, synced) = (flags[0], flags[1], flags[2], flags[3]);
        SlotSeen { plugin, database, temporary, active, failover, synced, lost, kept, left }
    }
}

prop_compose! {
    pub fn logical()(
        running in any::<bool>(), slots in btree_map(typed(), slot(), 0..3), following in btree_set(typed(), 0..3),
        standbys in btree_map(name(), proptest::result::maybe_ok(btree_map(typed(), slot(), 0..2), typed()), 0..3),
    ) -> LogicalSeen {
        LogicalSeen { running, slots, following, standbys }
    }
}
