//! Kubernetes quantities, read exactly: `2048Mi` and `2Gi` are one value, and so are `0.7Gi` and the `751619276800m` that the
//! API server makes of it.
//!
//! Two texts are compared as values here and nowhere else. The grammar and the rounding are those of
//! `k8s.io/apimachinery/pkg/api/resource` (quantity.go): at most nine decimals count, and what is finer is rounded up.

/// Factor of each suffix that is a power of 1024 or of 1000 and at least 1.
const LARGE: [(&str, u128); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];
/// How many of each suffix below 1 make 1.
const SMALL: [(&str, u128); 3] = [("m", 1_000), ("u", 1_000_000), ("n", NANOS)];
/// Nanos in one: the finest step that Kubernetes keeps.
const NANOS: u128 = 1_000_000_000;
/// Digits that a number may have: more than any value that Kubernetes holds (2^63 with nine decimals has 28).
const MOST_DIGITS: usize = 30;

/// A quantity in nanos; only those that are not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u128);

impl Amount {
    /// Reads `512Mi`, `1.5Gi`, `2G`, `1000000`, `1e3`, `500m`; none when it is no quantity, negative, or beyond 2^63.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (times, per) = factor(suffix)?;
        let number = number.strip_prefix('+').unwrap_or(number);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let parts = digits.parse::<u128>().ok()?.checked_mul(times)?;
        let scale = 10_u128.checked_pow(fraction.len() as u32)?.checked_mul(per)?;
        // In this order, so that neither product leaves the range while the value itself is in it.
        let (ones, rest) = (parts / scale, parts % scale);
        let nanos = ones.checked_mul(NANOS)?.checked_add(rest.checked_mul(NANOS)?.div_ceil(scale))?;
        (ones <= i64::MAX as u128).then_some(Self(nanos))
    }

    /// In whole ones, rounded up: bytes of a size.
    pub fn ones(self) -> u64 {
        u64::try_from(self.0.div_ceil(NANOS)).unwrap_or(u64::MAX)
    }

    /// In thousandths, rounded up: of a CPU.
    pub fn thousandths(self) -> u64 {
        u64::try_from(self.0.div_ceil(NANOS / 1_000)).unwrap_or(u64::MAX)
    }
}

/// What a number with this suffix is multiplied with, and divided by.
fn factor(suffix: &str) -> Option<(u128, u128)> {
    if suffix.is_empty() {
        return Some((1, 1));
    }
    if let Some((_, times)) = LARGE.iter().find(|(name, _)| *name == suffix) {
        return Some((*times, 1));
    }
    if let Some((_, per)) = SMALL.iter().find(|(name, _)| *name == suffix) {
        return Some((1, *per));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent >= 0 { (power, 1) } else { (1, power) })
}

/// True when two texts are the same quantity, or the same text where one of them is none.
pub fn same(one: &str, other: &str) -> bool {
    match (Amount::parse(one), Amount::parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// The same of what a container or a claim asks for: there the API server rounds up to thousandths (`SetDefaults_ResourceList`), so that
/// `0.3333` CPUs are `334m`.
pub fn same_resource(one: &str, other: &str) -> bool {
    match (Amount::parse(one), Amount::parse(other)) {
        (Some(one), Some(other)) => one.thousandths() == other.thousandths(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_value_is_that_value() {
        for (one, other) in [
            ("2048Mi", "2Gi"),
            ("1.0Gi", "1Gi"),
            ("0.75Gi", "768Mi"),
            ("786432Ki", "768Mi"),
            ("0.7Gi", "751619276800m"),
            ("1073741824", "1Gi"),
            ("0.1", "100m"),
            ("2000m", "2"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("+1.", "1"),
            (".5", "500m"),
            ("0.0000000001", "1n"), // finer than a nano: rounded up
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
        assert!(!same("1G", "1Gi"));
        assert!(!same("0.7Gi", "751619277"));
    }

    #[test]
    fn what_is_asked_for_counts_in_thousandths() {
        assert!(same_resource("0.3333", "334m") && !same("0.3333", "334m"));
        assert!(!same_resource("0.333", "334m") && same_resource("0.7Gi", "751619276800m"));
        assert!(!same_resource("8Ei", "7Ei") && same_resource("much", "much"));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for bad in ["", "much", "-1", "1 Gi", "1.2.3", "1Gi ", "Gi", ".", "1e", "99E", "1e40", "0x1", "1ki"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn whole_units_are_rounded_up_as_kubernetes_does() {
        assert_eq!(Amount::parse("0.7Gi").map(Amount::ones), Some(751_619_277));
        assert_eq!(Amount::parse("1.0005").map(Amount::thousandths), Some(1001));
        assert_eq!(Amount::parse("7Ei").map(Amount::ones), Some(7 << 60));
    }
}
