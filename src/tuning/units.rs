//! Sizes: Kubernetes quantities to bytes, and bytes to Postgres settings.

/// One mebibyte in bytes.
pub const MIB: u64 = 1024 * 1024;
/// Bytes of a Kubernetes quantity, as `512Mi`, `1.5Gi`, `2G` or `1000000`; none when it is no size.
pub fn quantity_bytes(text: &str) -> Option<u64> {
    const SUFFIXES: [(&str, f64); 11] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("m", 1e-3),
    ];
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, *factor)))
        .unwrap_or((text, 1.0));
    let value: f64 = number.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((value * factor).round() as u64)
}

/// Thousandths of a CPU in a Kubernetes quantity, as `500m`, `2` or `1.5`; none when it is none.
pub fn quantity_millis(text: &str) -> Option<u64> {
    match text.strip_suffix('m') {
        Some(number) => {
            let value: f64 = number.parse().ok()?;
            (value.is_finite() && value >= 0.0).then_some(value.round() as u64)
        }
        None => text
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value >= 0.0)
            .map(|value| (value * 1000.0).round() as u64)
            .or_else(|| quantity_bytes(text).map(|whole| whole.saturating_mul(1000))),
    }
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
