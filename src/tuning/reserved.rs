//! Settings that the operator or Patroni owns. Each group says why, because the refusal is read by a person.

/// Names, and why they are not to be set.
const RESERVED: [(&[&str], &str); 7] = [
    (
        &[
            "ssl",
            "ssl_cert_file",
            "ssl_key_file",
            "ssl_ca_file",
            "ssl_crl_file",
            "ssl_crl_dir",
            "ssl_passphrase_command",
        ],
        "TLS is kept by the operator; give a certificate by spec.access.tls",
    ),
    (
        &["password_encryption", "db_user_namespace", "krb_server_keyfile", "hba_file", "ident_file"],
        "only SCRAM-SHA-256 over TLS is allowed in; keep users in spec.users",
    ),
    (
        &[
            "listen_addresses",
            "port",
            "unix_socket_directories",
            "unix_socket_group",
            "unix_socket_permissions",
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
        ],
        "paths are the image's; logs go to the pod's own log",
    ),
    (
        &[
            "wal_level",
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
            "restore_command",
            "promote_trigger_file",
            "fsync",
            "full_page_writes",
        ],
        "replication and durability are Patroni's; choose spec.highAvailability.synchronous",
    ),
    (
        &["archive_mode", "archive_command", "archive_library", "archive_timeout", "archive_cleanup_command"],
        "the WAL archive belongs to backups",
    ),
    (&["shared_preload_libraries"], "the image's libraries are loaded by the operator"),
];

/// Whether a person may give `key` this `value`.
///
/// # Errors
/// Why not, and what to do.
pub fn check(key: &str, value: &str) -> Result<(), String> {
    let name = key.to_ascii_lowercase();
    let well_formed = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    if !well_formed {
        return Err("no setting has such a name: correct it, letters, digits, '_' and '.' are allowed".into());
    }
    if value.contains(['\n', '\r', '\0']) {
        return Err("the value has a line break: give it on one line".into());
    }
    match RESERVED.iter().find(|(names, _)| names.contains(&name.as_str())) {
        Some((_, reason)) => {
            Err(format!("the operator keeps this setting, so remove it from the ConfigMap: {reason}"))
        }
        None => Ok(()),
    }
}
