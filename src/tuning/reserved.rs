//! Settings that the operator or Patroni owns. Each group says why, because the refusal is read by a person.

/// Names, and why they are not to be set.
const RESERVED: [(&[&str], &str); 11] = [
    (
        &[
            "ssl",
            "ssl_cert_file",
            "ssl_key_file",
            "ssl_ca_file",
            "ssl_crl_file",
            "ssl_crl_dir",
            "ssl_passphrase_command",
            "ssl_passphrase_command_supports_reload",
            "ssl_ciphers",
            "ssl_dh_params_file",
            "ssl_ecdh_curve",
            "ssl_max_protocol_version",
            "ssl_min_protocol_version",
            "ssl_prefer_server_ciphers",
        ],
        "TLS is kept by the operator; give a certificate by spec.access.tls",
    ),
    (
        &[
            "password_encryption",
            "db_user_namespace",
            "krb_server_keyfile",
            "krb_caseins_users",
            "gss_accept_delegation",
            "hba_file",
            "ident_file",
        ],
        "only SCRAM-SHA-256 over TLS is allowed in; keep users in spec.users",
    ),
    (
        &[
            "listen_addresses",
            "port",
            "unix_socket_directories",
            "unix_socket_group",
            "unix_socket_permissions",
            "bonjour",
            "bonjour_name",
        ],
        "Services, probes and Patroni rely on fixed addresses",
    ),
    (
        &[
            "data_directory",
            "config_file",
            "external_pid_file",
            "log_directory",
            "logging_collector",
            "log_destination",
            "event_source",
        ],
        "paths are the image's; logs go to the pod's own log",
    ),
    (
        &[
            "hot_standby",
            "primary_conninfo",
            "primary_slot_name",
            "synchronous_standby_names",
            "wal_log_hints",
            "track_commit_timestamp",
            "cluster_name",
            "recovery_target",
            "recovery_target_action",
            "recovery_target_name",
            "recovery_target_time",
            "recovery_target_lsn",
            "recovery_target_timeline",
            "recovery_target_inclusive",
            "recovery_target_xid",
            "recovery_end_command",
            "restart_after_crash",
            "restore_command",
            "promote_trigger_file",
            "fsync",
            "full_page_writes",
        ],
        "replication and durability are Patroni's; choose spec.highAvailability.synchronous",
    ),
    (
        &["wal_level", "sync_replication_slots", "synchronized_standby_slots", "standby_slot_names"],
        "logical replication and its slots are the operator's; choose spec.replication",
    ),
    (
        &["archive_mode", "archive_command", "archive_library", "archive_timeout", "archive_cleanup_command"],
        "the WAL archive belongs to backups",
    ),
    (
        &[
            "shared_preload_libraries",
            "local_preload_libraries",
            "dynamic_library_path",
            "jit_provider",
            "extension_control_path",
            "extension_destdir",
            "output_plugin_libraries",
        ],
        "the image's libraries are loaded by the operator",
    ),
    (
        &["shared_memory_type", "dynamic_shared_memory_type", "min_dynamic_shared_memory", "huge_page_size"],
        "the pod has one kind of shared memory, /dev/shm, with the size of its limit",
    ),
    (
        &[
            "allow_in_place_tablespaces",
            "allow_system_table_mods",
            "debug_io_direct",
            "ignore_checksum_failure",
            "ignore_invalid_pages",
            "ignore_system_indexes",
            "zero_damaged_pages",
            "post_auth_delay",
            "pre_auth_delay",
            "wal_consistency_checking",
        ],
        "it is for the repair of one broken server by hand, and would damage a healthy one; set it in a session",
    ),
    (
        &[
            "transaction_deferrable",
            "transaction_isolation",
            "transaction_read_only",
            "role",
            "session_authorization",
            "is_superuser",
            "seed",
        ],
        "it belongs to a session, and the server takes it from no file; there may be a setting default_... for it",
    ),
];

/// Why a person may not set `name` (in lower case); none when nothing speaks against it.
pub fn reason(name: &str) -> Option<&'static str> {
    RESERVED.iter().find(|(names, _)| names.contains(&name)).map(|(_, reason)| *reason)
}
