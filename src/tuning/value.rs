//! Whether a text is a value of a setting, read as Postgres' own parser reads it (`guc.c`: `parse_bool`, `parse_int`, `parse_real`,
//! `config_enum_lookup_by_name`). `tests/settings_server.rs` holds it against a real server.

use super::catalog::{Context, Entry, Kind, Range, Unit};

/// A value that the server takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The value to send: words in their one spelling, plain numbers in decimal digits, all else as it was given.
    pub text: String,
    /// Its number in base units, where it is one.
    pub number: Option<f64>,
}

/// Reads a value of a setting.
///
/// # Errors
/// What is allowed, in words that follow "X is 'value': ".
pub fn check(entry: &Entry, text: &str) -> Result<Checked, String> {
    if entry.context == Context::Internal {
        return Err("the server reports it and nobody can set it: remove it".into());
    }
    let text = text.trim();
    let number = |number: Option<f64>, range: &Range, whole: bool| {
        number
            .filter(|number| (range.min..=range.max).contains(number))
            .map(|number| Checked {
                text: if whole && range.unit.is_none() { number.to_string() } else { text.to_owned() },
                number: Some(number),
            })
            .ok_or_else(|| allowed(range, whole))
    };
    match &entry.kind {
        Kind::Bool => truth(text)
            .map(|on| word(if on { "on" } else { "off" }))
            .ok_or_else(|| "write on or off".to_owned()),
        Kind::Integer(range) => number(integer(text, range.unit), range, true),
        Kind::Real(range) => number(real(text, range.unit), range, false),
        Kind::Enum(words) => {
            one_of(text, words).map(word).ok_or_else(|| format!("write one of: {}", words.join(", ")))
        }
        Kind::Text => Ok(word(text)),
    }
}

fn word(text: &str) -> Checked {
    Checked { text: text.to_owned(), number: None }
}

/// Any beginning of true, false, yes, no, and on, off, 1, 0, where it can mean one of them only.
pub fn truth(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "" | "o" => None,
        "1" => Some(true),
        "0" => Some(false),
        _ if "true".starts_with(&text) || "yes".starts_with(&text) || text == "on" => Some(true),
        _ if "false".starts_with(&text) || "no".starts_with(&text) || "off".starts_with(&text) => Some(false),
        _ => None,
    }
}

/// A word in its one spelling. Lists with on and off also take the other words for them, written out, and levels of messages take
/// `debug`: the server does not list these.
fn one_of<'a>(text: &str, words: &'a [String]) -> Option<&'a str> {
    let find = |wanted: &str| words.iter().find(|word| word.eq_ignore_ascii_case(wanted)).map(String::as_str);
    find(text).or_else(|| match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => find("on"),
        "false" | "no" | "0" => find("off"),
        "debug" => find("debug2"),
        _ => None,
    })
}

fn integer(text: &str, unit: Option<Unit>) -> Option<f64> {
    let number = scaled(text, unit, true)?;
    // Halves go to the even neighbour, as rint() does.
    Some(number.round_ties_even()).filter(|number| number.abs() <= f64::from(i32::MAX) + 1.0)
}

fn real(text: &str, unit: Option<Unit>) -> Option<f64> {
    scaled(text, unit, false)
}

/// The number in base units, before rounding.
fn scaled(text: &str, unit: Option<Unit>, whole: bool) -> Option<f64> {
    let end = number_end(text);
    let (digits, rest) = text.split_at(end);
    let value = number(digits, whole)?;
    let word = rest.trim_start();
    if word.is_empty() {
        return Some(value);
    }
    let unit = unit?;
    let words = unit.words();
    let at = words.iter().position(|(name, _)| *name == word)?;
    let scaled = value * words[at].1 / unit.size();
    // A fraction as in 30.1GB is rounded to the next smaller unit that there is: the server's rule.
    match words.get(at + 1) {
        Some((_, smaller)) => {
            let smaller = smaller / unit.size();
            Some((scaled / smaller).round_ties_even() * smaller)
        }
        None => Some(scaled),
    }
}

/// Where the number at the beginning ends: sign, digits, point, exponent, or 0x and hexadecimal digits.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    if bytes[sign..].len() > 2 && bytes[sign] == b'0' && matches!(bytes[sign + 1], b'x' | b'X') {
        let hex = bytes[sign + 2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if hex > 0 {
            return sign + 2 + hex;
        }
    }
    let mut end = sign + digits(sign);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if signed <= bytes.len() { digits(signed) } else { 0 };
        if exponent > 0 {
            end = signed + exponent;
        }
    }
    end
}

/// A number as C reads it: also hexadecimal and, of whole numbers with a leading 0, octal.
fn number(text: &str, whole: bool) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(|value| value as f64);
    let lower = digits.to_ascii_lowercase();
    let value = if let Some(hex) = lower.strip_prefix("0x") {
        radix(hex, 16)?
    } else if whole
        && digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
    {
        radix(digits, 8)?
    } else if digits.bytes().any(|b| b.is_ascii_digit()) {
        digits.parse::<f64>().ok()?
    } else {
        return None;
    };
    value.is_finite().then_some(sign * value)
}

/// What a number may be, for a person.
fn allowed(range: &Range, whole: bool) -> String {
    let Some(unit) = range.unit else {
        let kind = if whole { "a whole number" } else { "a number" };
        return format!("write {kind} from {} to {}", range.min, range.max);
    };
    let units: Vec<&str> = unit.words().iter().rev().map(|(word, _)| *word).collect();
    let (what, example) = match unit {
        Unit::Memory(_) => ("a size", "256MB"),
        Unit::Time(_) => ("a time", "30s"),
    };
    format!(
        "write {what} from {} to {}, with one of the units {}, as {example}",
        amount(range.min, unit),
        amount(range.max, unit),
        units.join(", ")
    )
}

/// Base units in the largest unit that is not coarser than a hundredth of the amount; 0 and the special -1 stay as they are.
pub fn amount(number: f64, unit: Unit) -> String {
    if number <= 0.0 {
        return number.to_string();
    }
    let total = number * unit.size();
    let exact = unit.words().iter().find(|(_, size)| total >= *size && total % size == 0.0);
    let rough = unit.words().iter().find(|(_, size)| total / size >= 100.0);
    match exact.filter(|(_, size)| total / size < 10_000.0).or(rough) {
        Some((word, size)) => format!("{}{word}", (total / size).floor()),
        None => format!("{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::*;

    fn read(name: &str, text: &str) -> Result<Checked, String> {
        check(Catalog::bundled(17).unwrap().get(name).unwrap(), text)
    }

    fn number(name: &str, text: &str) -> Option<f64> {
        read(name, text).ok()?.number
    }

    #[test]
    fn every_spelling_of_a_truth_value_becomes_on_or_off() {
        for (given, wanted) in
            [("TRUE", "on"), ("t", "on"), ("y", "on"), ("of", "off"), ("0", "off"), ("n", "off")]
        {
            assert_eq!(read("log_lock_waits", given).unwrap().text, wanted, "{given}");
        }
        for bad in ["", "o", "yess", "2", "enabled"] {
            assert_eq!(read("log_lock_waits", bad).unwrap_err(), "write on or off", "{bad}");
        }
    }

    #[test]
    fn sizes_and_times_are_counted_in_base_units_and_rounded() {
        assert_eq!(number("shared_buffers", "128MB"), Some(16384.0));
        assert_eq!(number("shared_buffers", "16384"), Some(16384.0));
        assert_eq!(number("shared_buffers", " 1 GB "), Some(131_072.0));
        assert_eq!(number("shared_buffers", "30.1GB"), Some(3_945_216.0));
        assert_eq!(number("shared_buffers", "0x4000"), Some(16384.0));
        assert_eq!(number("work_mem", "4MB"), Some(4096.0));
        assert_eq!(number("wal_sender_timeout", "1.5min"), Some(90_000.0));
        assert_eq!(number("checkpoint_timeout", "5min"), Some(300.0));
        assert_eq!(number("max_slot_wal_keep_size", "-1"), Some(-1.0));
        assert_eq!(number("random_page_cost", "1.1"), Some(1.1));
        assert_eq!(number("random_page_cost", "1e1"), Some(10.0));
    }

    #[test]
    fn what_is_no_size_is_told_with_range_and_units() {
        for bad in ["128mb", "128 MBytes", "1 lot", "", "GB", "64kB", "99999999999999TB", "1..5GB", "NaN"] {
            assert_eq!(
                read("shared_buffers", bad).unwrap_err(),
                "write a size from 128kB to 8191GB, with one of the units B, kB, MB, GB, TB, as 256MB",
                "{bad}"
            );
        }
        assert_eq!(read("max_connections", "100MB").unwrap_err(), "write a whole number from 1 to 262143");
        assert_eq!(read("max_connections", "many").unwrap_err(), "write a whole number from 1 to 262143");
        assert_eq!(
            read("checkpoint_timeout", "2d").unwrap_err(),
            "write a time from 30s to 1d, with one of the units us, ms, s, min, h, d, as 30s"
        );
        assert_eq!(
            read("random_page_cost", "-1").unwrap_err().split(" from 0").next(),
            Some("write a number")
        );
    }

    #[test]
    fn words_are_taken_in_any_case_and_sent_in_one() {
        assert_eq!(read("wal_compression", "LZ4").unwrap().text, "lz4");
        assert_eq!(read("synchronous_commit", "yes").unwrap().text, "on");
        assert_eq!(read("log_min_messages", "debug").unwrap().text, "debug2");
        assert_eq!(read("wal_compression", "best").unwrap_err(), "write one of: pglz, lz4, zstd, on, off");
    }

    #[test]
    fn what_the_server_only_reports_cannot_be_set() {
        assert!(read("server_version", "18").unwrap_err().contains("nobody can set it"));
    }
}
