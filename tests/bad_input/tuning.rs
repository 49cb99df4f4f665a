//! Bad settings, one row each: what is wrong, the edit, and what the condition has to say.

use super::Case;
use super::sim::World;

/// One setting in the ConfigMap `mine`, which the cluster takes its tuning from.
pub fn tuned(world: &mut World, key: &str, value: &str) {
    world.tuning.insert("mine".into(), [(key.to_owned(), value.to_owned())].into());
    world.edit("spec.tuning", r#"[{"configMap": "mine"}]"#);
}

/// A change to the tuning, and what the message must hold: source and key, value, what is allowed.
pub const TUNING: &[Case] = &[
    (
        "a misspelt setting",
        |world| tuned(world, "work_mam", "4MB"),
        ["setting work_mam of ConfigMap mine", "'4MB'", "did you mean work_mem?"],
    ),
    (
        "a setting that nothing is like",
        |world| tuned(world, "elephants", "4"),
        ["setting elephants of ConfigMap mine", "'4'", "Postgres has no such setting: correct the name"],
    ),
    (
        "a setting of a library that is not loaded",
        |world| tuned(world, "timescaledb.max_background_workers", "4"),
        ["setting timescaledb.max_background_workers", "'4'", "loaded are pg_stat_statements, pgaudit"],
    ),
    (
        "a wrong unit",
        |world| tuned(world, "work_mem", "4mb"),
        ["setting work_mem of ConfigMap mine", "'4mb'", "units B, kB, MB, GB, TB"],
    ),
    (
        "a unit of another kind",
        |world| tuned(world, "checkpoint_timeout", "5MB"),
        [
            "setting checkpoint_timeout",
            "'5MB'",
            "write a time from 30s to 1d, with one of the units us, ms, s, min, h, d",
        ],
    ),
    (
        "a unit where there is none",
        |world| tuned(world, "max_connections", "100kB"),
        ["setting max_connections", "'100kB'", "write a whole number from 1 to 262143"],
    ),
    (
        "a number out of range",
        |world| tuned(world, "random_page_cost", "-1"),
        ["setting random_page_cost", "'-1'", "write a number from 0 to"],
    ),
    (
        "fewer connections than Patroni takes",
        |world| tuned(world, "max_connections", "20"),
        ["setting max_connections", "'20'", "at least 25"],
    ),
    (
        "a word that is none of the list",
        |world| tuned(world, "wal_compression", "best"),
        ["setting wal_compression", "'best'", "write one of: pglz, lz4, zstd, on, off"],
    ),
    (
        "neither on nor off",
        |world| tuned(world, "jit", "maybe"),
        ["setting jit", "'maybe'", "write on or off"],
    ),
    (
        "a time zone that does not exist, which would stop the server at its next start",
        |world| tuned(world, "timezone", "Mars/Base"),
        ["setting timezone", "'Mars/Base'", "as UTC or Europe/Berlin"],
    ),
    (
        "what the server only reports",
        |world| tuned(world, "server_version", "18"),
        ["setting server_version", "'18'", "nobody can set it"],
    ),
    (
        "a setting that the operator keeps",
        |world| tuned(world, "ssl", "off"),
        [
            "setting ssl of ConfigMap mine",
            "'off'",
            "remove it from the ConfigMap: TLS is kept by the operator",
        ],
    ),
    (
        "commits that would not be kept",
        |world| tuned(world, "synchronous_commit", "off"),
        ["setting synchronous_commit", "'off'", "spec.highAvailability.synchronous"],
    ),
    (
        "settings that need more memory than there is",
        |world| tuned(world, "shared_buffers", "900MB"),
        [
            "setting shared_buffers of ConfigMap mine",
            "'900MB'",
            "it does not fit: spec.resources.memory is '1Gi'",
        ],
    ),
    (
        "a setting that is larger than any machine",
        |world| tuned(world, "shared_buffers", "99999999999999TB"),
        ["setting shared_buffers", "'99999999999999TB'", "write a size from 128kB to 8191GB"],
    ),
    (
        "fewer connections than the pooler needs",
        |world| {
            world.edit("spec.pooler.clients", "32");
            tuned(world, "max_connections", "60");
        },
        ["setting max_connections of ConfigMap mine", "'60'", "2 pooler pods of 32 clients"],
    ),
    (
        "all connections reserved",
        |world| tuned(world, "reserved_connections", "100"),
        ["setting reserved_connections", "'100'", "the computed max_connections 100"],
    ),
    (
        "fewer senders of WAL than members need",
        |world| tuned(world, "max_wal_senders", "4"),
        ["setting max_wal_senders", "'4'", "write at least 5 with 3 instances"],
    ),
    (
        "two ConfigMaps that conflict",
        |world| {
            world.give_tuning("a", "min_wal_size", "2GB");
            world.give_tuning("b", "max_wal_size", "1GB");
            world.edit("spec.tuning", r#"[{"configMap": "a"}, {"configMap": "b"}]"#);
        },
        ["setting min_wal_size of ConfigMap a", "'2GB'", "at most max_wal_size 1GB of ConfigMap b"],
    ),
    (
        "one setting in two spellings",
        |world| {
            tuned(world, "work_mem", "8MB");
            world.give_tuning("mine", "Work_Mem", "9MB");
        },
        ["setting work_mem of ConfigMap mine", "'8MB'", "also has Work_Mem, which is the same setting"],
    ),
    (
        "one ConfigMap named twice",
        |world| {
            tuned(world, "work_mem", "8MB");
            world.edit("spec.tuning", r#"[{"configMap": "mine"}, {"configMap": "mine"}]"#);
        },
        ["spec.tuning[1].configMap", "'mine'", "it is named twice"],
    ),
    (
        "a ConfigMap that does not exist",
        |world| world.edit("spec.tuning", r#"[{"configMap": "absent"}]"#),
        ["spec.tuning[0].configMap", "'absent'", "create it, or remove the entry"],
    ),
    (
        "a ConfigMap of the operator's own",
        |world| world.edit("spec.tuning", r#"[{"configMap": "ledger-accepted-tuning"}]"#),
        ["spec.tuning[0].configMap", "'ledger-accepted-tuning'", "the operator keeps this ConfigMap"],
    ),
    (
        "a parameter of the pooler that is the operator's",
        |world| {
            world.give_tuning("mine", "num_init_children", "500");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        ["setting num_init_children of ConfigMap mine", "'500'", "set spec.pooler.clients"],
    ),
    (
        "a misspelt parameter of the pooler",
        |world| {
            world.give_tuning("mine", "client_idle_limits", "60");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        [
            "setting client_idle_limits",
            "'60'",
            "Pgpool-II has no such setting: did you mean client_idle_limit?",
        ],
    ),
    (
        "a parameter of the other kind of pooler",
        |world| {
            world.give_tuning("mine", "idle_transaction_timeout", "60");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        [
            "setting idle_transaction_timeout of ConfigMap mine",
            "'60'",
            "it is a parameter of PgBouncer, and spec.pooler.kind is Pgpool",
        ],
    ),
    (
        "a parameter of the pooler out of range",
        |world| {
            world.give_tuning("mine", "client_idle_limit", "-5");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        ["setting client_idle_limit", "'-5'", "write a time from 0 to"],
    ),
];
