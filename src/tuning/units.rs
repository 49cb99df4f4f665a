//! Sizes: Kubernetes quantities to bytes, and bytes to Postgres settings.

use crate::quantity::Amount;

/// One mebibyte in bytes.
pub const MIB: u64 = 1024 * 1024;
/// Bytes of a Kubernetes quantity, as `512Mi`, `1.5Gi`, `2G` or `1000000`, rounded up; none when it is no size.
pub fn quantity_bytes(text: &str) -> Option<u64> {
    Amount::parse(text).map(Amount::ones)
}

/// Thousandths of a CPU in a Kubernetes quantity, as `500m`, `2` or `1.5`, rounded up; none when it is none.
pub fn quantity_millis(text: &str) -> Option<u64> {
    Amount::parse(text).map(Amount::thousandths)
}

/// Bytes as Postgres writes them, in whole MB.
pub fn setting_mb(bytes: u64) -> String {
    format!("{}MB", (bytes / MIB).max(1))
}

/// Bytes as a person reads them, in whole MiB.
pub fn human_mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        assert_eq!(quantity_bytes("1Gi"), Some(1024 * MIB));
        assert_eq!(quantity_bytes("1.5Gi"), Some(1536 * MIB));
        assert_eq!(quantity_bytes("2G"), Some(2_000_000_000));
        assert_eq!(quantity_bytes("much"), None);
    }

    #[test]
    fn cpus_are_read_as_kubernetes_does() {
        assert_eq!(["500m", "2", "1.5", "0.1"].map(quantity_millis), [500, 2000, 1500, 100].map(Some));
        assert_eq!(quantity_millis("some"), None);
    }
}
