//! The settings of a cluster: what its ConfigMaps ask for, checked by what is known of the server, or what was kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::{Synchronous, TuningRef};
use crate::archive;
use crate::child::Kind;
use crate::name::{COMPONENT_MEMBER, ClusterName};
use crate::observe::Observed;
use crate::pooler::{self, Size};
use crate::tuning::catalog::Entry;
use crate::tuning::computed::{Machine, PRELOADED, computed};
use crate::tuning::units::quantity_bytes;
use crate::tuning::value::Checked;
use crate::tuning::{Book, Catalog, Layer, Overlay, Settings, Tuned, Tuning, View, limits, reserved};

use super::pooler::sizes;
use super::version::{MAJORS, Wanted};
use super::{cross, machine, replication};

/// Settings of Postgres and of the pooler.
#[derive(Clone, Debug)]
pub struct Tunings {
    /// Of the members.
    pub postgres: Tuned,
    /// Of the pooler, from ConfigMaps alone.
    pub pooler: Tuned,
    /// Clients and connections of a pod of each pooler: as many as the members' settings leave room for, when the spec says nothing.
    pub sizes: Vec<Size>,
}

/// Entry of the kept ConfigMap with the members' settings.
pub const KEPT_POSTGRES: &str = "postgres.json";
/// Entry of the kept ConfigMap with the pooler's parameters.
pub const KEPT_POOLER: &str = "pooler.json";

/// What was accepted last, by entry of the kept ConfigMap; empty when nothing was.
pub fn kept(seen: &Observed, entry: &str) -> Overlay {
    let text = seen
        .children
        .get(Kind::ConfigMap, &seen.name().accepted_tuning())
        .and_then(|map| map.get("data")?.get(entry)?.as_str());
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Chooses the settings. Sizes of the spec that can't be read are told elsewhere; nothing is held against them here.
pub fn tuned(seen: &Observed) -> Tunings {
    let spec = &seen.cluster.spec;
    let own: BTreeSet<String> = own(&seen.name());
    let Known { catalog, told } = catalog(seen);
    let kept_postgres = kept(seen, KEPT_POSTGRES);
    let quorum = spec.high_availability.synchronous != Synchronous::Off && spec.instances > 1;
    let book = Book {
        program: "Postgres",
        field: "spec.tuning",
        catalog: &catalog,
        reserved: reserved::reason,
        limits: &|entry, value| limits::limit(entry, value, quorum).or_else(|| untaken(seen, entry, value)),
        libraries: &PRELOADED,
        own: &own,
        // A bundled list may be older than the server, which has taken what was kept.
        beyond: (!told).then_some(&kept_postgres),
    };
    let size = machine(seen);
    // What is asked for has to fit the size that is wanted, also while members have another one.
    let memory = size.and(quantity_bytes(&spec.resources.memory.0));
    let postgres = Tuning {
        base: computed(size.unwrap_or(SMALL))
            .into_iter()
            .chain(archive::settings(spec.backup.archive.as_ref(), archive_mounted(seen)))
            .chain(replication::settings(seen))
            .collect(),
        settled: replication::settled(seen),
        layers: &layers(seen, &spec.tuning),
        kept: &kept_postgres,
        book: &book,
        misfits: &|view| memory.map_or(Vec::new(), |memory| cross::misfits(spec, memory, view)),
    }
    .choose();
    let sizes = sizes(&spec.pooler, &View { chosen: &postgres.chosen, catalog: &catalog });
    let pooler = Tuning {
        base: Settings::new(),
        settled: Settings::new(),
        layers: &layers(seen, &spec.pooler.tuning),
        kept: &kept(seen, KEPT_POOLER),
        book: &pooler::program(spec.pooler.kind).book(&own),
        misfits: &|_| Vec::new(),
    }
    .choose();
    Tunings { postgres, pooler, sizes }
}

/// What the server itself said of it, in its own words: it was asked before anything was sent (`src/observe/tried.rs`).
fn untaken(seen: &Observed, entry: &Entry, value: &Checked) -> Option<String> {
    let pair = (entry.name.to_ascii_lowercase(), value.text.clone());
    let words = seen.server.as_ref()?.untaken.get(&pair)?;
    Some(format!("the server does not take it ({words}): correct the value, or remove the key"))
}

/// Whether every member's pod mounts a volume for the archive. The settings are the same for all, and any may take writes next.
pub fn archive_mounted(seen: &Observed) -> bool {
    seen.pods
        .values()
        .filter(|pod| pod.component == COMPONENT_MEMBER && !pod.deleting)
        .all(|pod| pod.archives)
}

/// Stands in for a size that can't be read: the smallest that there may be.
const SMALL: Machine = Machine { memory: 512 << 20, storage: 1 << 30, cpu: 100 };

fn own(name: &ClusterName) -> BTreeSet<String> {
    name.own_config_maps().into_iter().collect()
}

/// Settings of a server, and whether it was that server that told them.
struct Known {
    catalog: Arc<Catalog>,
    told: bool,
}

/// What the server said last, when it is of the major that is wanted; else what our image of that major says.
fn catalog(seen: &Observed) -> Known {
    let wanted = Wanted::parse(&seen.cluster.spec.engine.version).map_or(MAJORS[0], Wanted::major);
    match seen.server.as_ref().filter(|server| server.major == wanted && !server.catalog.is_empty()) {
        Some(server) => Known { catalog: server.catalog.clone(), told: true },
        None => Known { catalog: Catalog::bundled(wanted).unwrap_or_default(), told: false },
    }
}

fn layers(seen: &Observed, named: &[TuningRef]) -> Vec<Layer> {
    named
        .iter()
        .map(|tuning| Layer {
            name: tuning.config_map.clone(),
            data: seen.given.tuning.get(&tuning.config_map).cloned().flatten(),
        })
        .collect()
}
