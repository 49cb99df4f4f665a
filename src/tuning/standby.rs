//! Which member has to restart first.

use super::Settings;

/// Settings that a replica must have at least as large as its primary has them, or it stops replaying WAL
/// (PostgreSQL 17 manual, 26.4.1), with the value that Patroni 4.1 sets when nobody does. They are plain numbers.
pub const STANDBY_CRITICAL: [(&str, i64); 5] = [
    ("max_connections", 100),
    ("max_locks_per_transaction", 64),
    ("max_prepared_transactions", 0),
    ("max_wal_senders", 10),
    ("max_worker_processes", 8),
];

/// The settings of [`STANDBY_CRITICAL`] that become smaller, in order of name; `running` are the primary's values now.
///
/// When there is one, the primary has to restart first, and only then the replicas; when there is none, replicas come first. Patroni
/// guards a replica by itself: it starts it with the values of its own control file for as long as those are larger than what is
/// configured, and goes on saying that a restart is pending (`effective_configuration` in Patroni 4.1). So replicas that restart
/// too early do no harm, but have to restart again after they replayed the primary's change.
pub fn standby_critical_decreases(running: &Settings, wanted: &Settings) -> Vec<&'static str> {
    let number = |settings: &Settings, name: &str| settings.get(name)?.parse::<i64>().ok();
    STANDBY_CRITICAL
        .into_iter()
        .filter(|(name, unset)| {
            let wanted = number(wanted, name).unwrap_or(*unset);
            number(running, name).is_some_and(|running| wanted < running)
        })
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_becomes_smaller_sends_the_primary_first() {
        let running =
            settings(&[("max_connections", "200"), ("max_wal_senders", "12"), ("work_mem", "8192")]);
        let wanted = settings(&[("max_connections", "100"), ("max_wal_senders", "20"), ("work_mem", "4MB")]);
        assert_eq!(standby_critical_decreases(&running, &wanted), ["max_connections"]);
        assert_eq!(standby_critical_decreases(&wanted, &running), ["max_wal_senders"]);
        assert!(standby_critical_decreases(&Settings::new(), &wanted).is_empty(), "nothing is known to run");
    }

    #[test]
    fn a_setting_that_nobody_sets_any_more_falls_back_to_patronis_value() {
        let running = settings(&[("max_prepared_transactions", "50"), ("max_worker_processes", "8")]);
        assert_eq!(standby_critical_decreases(&running, &Settings::new()), ["max_prepared_transactions"]);
    }
}
