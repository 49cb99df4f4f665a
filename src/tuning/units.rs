//! Sizes: Kubernetes quantities and Postgres memory settings, both to bytes.

/// One mebibyte in bytes.
pub const MIB: u64 = 1024 * 1024;
/// Postgres counts most memory settings without a unit in pages of 8 kB (BLCKSZ).
pub const PAGE: u64 = 8192;

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

/// Bytes of a Postgres memory setting, as `128MB`, `1 GB` or `16384`; a bare number counts `unit` bytes each.
/// Units are those of the manual: B, kB, MB, GB, TB, with a case (PostgreSQL 17, section 19.1.1).
pub fn setting_bytes(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let factor = match suffix.trim() {
        "" => unit,
        "B" => 1,
        "kB" => 1024,
        "MB" => MIB,
        "GB" => 1024 * MIB,
        "TB" => 1024 * 1024 * MIB,
        _ => return None,
    };
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((value * factor as f64) as u64)
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
    fn settings_are_read_as_postgres_does() {
        assert_eq!(setting_bytes("128MB", PAGE), Some(128 * MIB));
        assert_eq!(setting_bytes("16384", PAGE), Some(128 * MIB));
        assert_eq!(setting_bytes("1 GB", PAGE), Some(1024 * MIB));
        assert_eq!(setting_bytes("128mb", PAGE), None);
    }
}
