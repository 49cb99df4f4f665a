//! Settings that follow from the size of a member. The formulas are the manual's own advice (PostgreSQL 17,
//! sections 19.4 and 19.7) and are listed with their sources in `docs/tuning.md`.

use super::Settings;
use super::units::{MIB, setting_mb};

/// Memory that a backend takes besides shared memory, in bytes: 6 MiB covers catalog caches and one `work_mem`
/// (measured on a busy bank session: 4 to 5 MiB of private memory).
pub const BACKEND_BYTES: u64 = 6 * MIB;
/// Memory for the postmaster, WAL, autovacuum launcher, Patroni (60 MiB) and slack, in bytes.
pub const BASE_BYTES: u64 = 128 * MIB;

/// The size of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Memory limit in bytes, at least 512 MiB.
    pub memory: u64,
    /// Volume size in bytes.
    pub storage: u64,
}

/// Settings for a machine.
pub fn computed(machine: Machine) -> Settings {
    let Machine { memory, storage } = machine;
    let shared_buffers = memory / 4;
    let connections =
        ((memory - shared_buffers).saturating_sub(BASE_BYTES) / BACKEND_BYTES / 10 * 10).clamp(40, 400);
    let pairs = [
        ("max_connections", connections.to_string()),
        ("shared_buffers", setting_mb(shared_buffers)),
        ("effective_cache_size", setting_mb(memory / 4 * 3)),
        ("maintenance_work_mem", setting_mb((memory / 16).clamp(32 * MIB, 2048 * MIB))),
        ("work_mem", setting_mb((memory / 4 / connections).clamp(4 * MIB, 256 * MIB))),
        ("max_wal_size", setting_mb((storage / 8).clamp(256 * MIB, 16384 * MIB))),
        ("min_wal_size", setting_mb((storage / 32).clamp(80 * MIB, 4096 * MIB))),
        // A replica that is away keeps WAL by its slot; past a quarter of the volume it is better re-made than the
        // primary stopped by a full disk.
        ("max_slot_wal_keep_size", setting_mb((storage / 4).max(256 * MIB))),
        ("wal_compression", "lz4".into()),
        ("checkpoint_completion_target", "0.9".into()),
        ("random_page_cost", "1.1".into()),
        ("max_wal_senders", "12".into()),
        ("max_replication_slots", "12".into()),
        ("shared_preload_libraries", "pg_stat_statements,pgaudit".into()),
        ("password_encryption", "scram-sha-256".into()),
        // A peer that vanished without a FIN is noticed in 10 s, not in the kernel's 15 minutes.
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
    use super::*;

    #[test]
    fn a_gibibyte_serves_a_hundred_connections() {
        let settings = computed(Machine { memory: 1024 * MIB, storage: 10 * 1024 * MIB });
        assert_eq!(settings["max_connections"], "100");
        assert_eq!(settings["shared_buffers"], "256MB");
    }

    #[test]
    fn the_smallest_machine_still_fits_its_own_settings() {
        let memory = 512 * MIB;
        let settings = computed(Machine { memory, storage: 1024 * MIB });
        let connections: u64 = settings["max_connections"].parse().unwrap();
        assert!(memory / 4 + BASE_BYTES + connections * BACKEND_BYTES <= memory);
    }
}
