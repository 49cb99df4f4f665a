//! Settings that follow from the size of a member. The formulas are the manual's own advice (PostgreSQL 17,
//! sections 19.4 and 19.7) and are listed with their sources in `docs/tuning.md`.

use super::Settings;
use super::units::{MIB, setting_mb};

/// Memory that a backend takes besides shared memory, in bytes: 6 MiB covers catalog caches and one `work_mem`
/// (measured on a busy bank session: 4 to 5 MiB of private memory).
pub const BACKEND_BYTES: u64 = 6 * MIB;
/// Memory for the postmaster, WAL, autovacuum launcher, Patroni (60 MiB) and slack, in bytes.
pub const BASE_BYTES: u64 = 128 * MIB;

/// Libraries that every member loads; the image has them.
pub const PRELOADED: [&str; 2] = ["pg_stat_statements", "pgaudit"];
/// Most parallel workers of all queries together; each takes memory as a backend does.
const MOST_PARALLEL: u64 = 16;

/// The size of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Memory limit in bytes, at least 512 MiB.
    pub memory: u64,
    /// Volume size in bytes.
    pub storage: u64,
    /// CPU request in thousandths.
    pub cpu: u64,
}

/// Settings for a machine.
pub fn computed(machine: Machine) -> Settings {
    let Machine { memory, storage, cpu } = machine;
    let cpus = cpu.div_ceil(1000);
    let shared_buffers = memory / 4;
    let connections =
        ((memory - shared_buffers).saturating_sub(BASE_BYTES) / BACKEND_BYTES / 10 * 10).clamp(40, 400);
    let pairs = [
        ("max_connections", connections.to_string()),
        ("shared_buffers", setting_mb(shared_buffers)),
        ("effective_cache_size", setting_mb(memory / 4 * 3)),
        ("maintenance_work_mem", setting_mb((memory / 16).clamp(32 * MIB, 2048 * MIB))),
        // Three workers (`autovacuum_max_workers`) together take as much as one `maintenance_work_mem`.
        ("autovacuum_work_mem", setting_mb((memory / 48).clamp(16 * MIB, 1024 * MIB))),
        ("work_mem", setting_mb((memory / 4 / connections).clamp(4 * MIB, 256 * MIB))),
        ("max_wal_size", setting_mb((storage / 8).clamp(256 * MIB, 16384 * MIB))),
        ("min_wal_size", setting_mb((storage / 32).clamp(80 * MIB, 4096 * MIB))),
        // A replica that is away keeps WAL by its slot; past a quarter of the volume it is better re-made than the
        // primary stopped by a full disk.
        ("max_slot_wal_keep_size", setting_mb((storage / 4).max(256 * MIB))),
        ("wal_compression", "lz4".into()),
        ("checkpoint_completion_target", "0.9".into()),
        ("random_page_cost", "1.1".into()),
        ("effective_io_concurrency", "200".into()),
        // Restart-only and the same for all sizes, so that more CPU never needs a restart: the most parallel workers of the next
        // line and 8 for others, the server's own default.
        ("max_worker_processes", (MOST_PARALLEL + 8).to_string()),
        ("max_parallel_workers", cpus.clamp(2, MOST_PARALLEL).to_string()),
        ("max_parallel_workers_per_gather", (cpus / 2).clamp(1, 4).to_string()),
        ("max_wal_senders", "12".into()),
        ("max_replication_slots", "12".into()),
        ("shared_preload_libraries", PRELOADED.join(",")),
        ("password_encryption", "scram-sha-256".into()),
        // A peer that vanished without a FIN is noticed in 10 s, not in the kernel's 15 minutes.
        // A statement whose client has gone, with its pooler's process, ends within a second instead of running to its end.
        ("client_connection_check_interval", "1000".into()),
        ("tcp_keepalives_idle", "5".into()),
        ("tcp_keepalives_interval", "2".into()),
        ("tcp_keepalives_count", "3".into()),
        ("tcp_user_timeout", "10000".into()),
        // After a crash every file is flushed before replay: one syncfs of the volume, which holds nothing else, took
        // 0.1 s where a walk over all files took 3.3 s (measured on a small database).
        ("recovery_init_sync_method", "syncfs".into()),
        // A replica that lost the primary asks the next one soon: commits wait for it.
        ("wal_retrieve_retry_interval", "500ms".into()),
        ("wal_sender_timeout", "10s".into()),
        ("wal_receiver_timeout", "10s".into()),
        ("log_checkpoints", "on".into()),
        ("log_lock_waits", "on".into()),
        ("log_line_prefix", "%m [%p] %q%u@%d %r ".into()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Catalog, catalog::Context, limits, value};
    use super::*;

    #[test]
    fn every_computed_value_is_one_that_the_server_takes() {
        let catalog = Catalog::bundled(17).unwrap();
        for (memory, storage, cpu) in [(512, 1024, 100), (1024, 2048, 500), (1 << 20, 1 << 24, 128_000)] {
            let settings = computed(Machine { memory: memory * MIB, storage: storage * MIB, cpu });
            for (name, text) in settings {
                let entry = catalog.get(&name).unwrap_or_else(|| panic!("no setting {name}"));
                let checked =
                    value::check(entry, &text).unwrap_or_else(|why| panic!("{name} = {text}: {why}"));
                assert_eq!(limits::limit(entry, &checked, true), None, "{name} = {text}");
            }
        }
    }

    #[test]
    fn more_cpu_alone_needs_no_restart() {
        let catalog = Catalog::bundled(17).unwrap();
        let of = |cpu| computed(Machine { memory: 4096 * MIB, storage: 10_240 * MIB, cpu });
        let (small, large) = (of(500), of(16_000));
        let changed: Vec<&String> = small.keys().filter(|name| small[*name] != large[*name]).collect();
        assert_eq!(changed, ["max_parallel_workers", "max_parallel_workers_per_gather"]);
        assert!(changed.iter().all(|name| catalog.get(name).unwrap().context == Context::Reload));
    }

    #[test]
    fn a_gibibyte_serves_a_hundred_connections() {
        let settings = computed(Machine { memory: 1024 * MIB, storage: 10 * 1024 * MIB, cpu: 500 });
        assert_eq!(settings["max_connections"], "100");
        assert_eq!(settings["shared_buffers"], "256MB");
    }

    #[test]
    fn the_smallest_machine_still_fits_its_own_settings() {
        let memory = 512 * MIB;
        let settings = computed(Machine { memory, storage: 1024 * MIB, cpu: 100 });
        let connections: u64 = settings["max_connections"].parse().unwrap();
        assert!(memory / 4 + BASE_BYTES + connections * BACKEND_BYTES <= memory);
    }
}
