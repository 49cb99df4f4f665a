//! Kubernetes' labels as labels of the Compute API, and back.
//!
//! The Compute API takes fewer characters: keys `[a-z][a-z0-9_-]*` and values `[a-z0-9_-]*`, both of at most 63, 64 labels in all
//! (page "Labeling resources" of its documentation). What it does not take is written as `_` and a letter, so that a label
//! that was read says exactly what was written.

use std::collections::BTreeMap;

/// Prefix of the operator's own keys in Kubernetes, and what stands for it in the Compute API, so that a bill is readable.
const OURS: (&str, &str) = ("stylobate.dev/", "stylobate-");
/// Most characters of a key or a value.
const LENGTH: usize = 63;
/// Most labels of a resource.
const COUNT: usize = 64;

/// All labels as the Compute API takes them.
///
/// # Errors
/// Which label does not fit and why, in words.
pub fn encode(labels: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    if labels.len() > COUNT {
        return Err(format!("{} labels are wanted; allowed are {COUNT}", labels.len()));
    }
    labels.iter().map(|(key, value)| Ok((encode_key(key)?, encode_value(key, value)?))).collect()
}

/// A key as the Compute API takes it.
///
/// # Errors
/// Why it does not fit, in words.
pub fn encode_key(key: &str) -> Result<String, String> {
    let written = match key.strip_prefix(OURS.0) {
        Some(rest) => format!("{}{}", OURS.1, escape(rest)),
        None => escape(key),
    };
    let ours_by_chance = !key.starts_with(OURS.0) && written.starts_with(OURS.1);
    if ours_by_chance || !written.starts_with(|c: char| c.is_ascii_lowercase()) || written.len() > LENGTH {
        return Err(format!(
            "the label {key:?} can't be a label of the Compute API: it would be {written:?}, and allowed are at most {LENGTH} \
             characters that begin with a to z and not with {:?}",
            OURS.1
        ));
    }
    Ok(written)
}

/// A value as the Compute API takes it; `key` is for the message.
///
/// # Errors
/// Why it does not fit, in words.
pub fn encode_value(key: &str, value: &str) -> Result<String, String> {
    let written = escape(value);
    if written.len() > LENGTH {
        return Err(format!(
            "the value {value:?} of label {key:?} can't be stored in the Compute API: {written:?} has {} characters, and allowed are \
             {LENGTH}",
            written.len()
        ));
    }
    Ok(written)
}

/// Labels as they were in Kubernetes. What somebody else wrote, and nothing here could have, is left as it is.
pub fn decode(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let key = |written: &str| match written.strip_prefix(OURS.1) {
        Some(rest) => unescape(rest).map(|rest| format!("{}{rest}", OURS.0)),
        None => unescape(written),
    };
    labels
        .iter()
        .map(|(k, v)| (key(k).unwrap_or_else(|| k.clone()), unescape(v).unwrap_or_else(|| v.clone())))
        .collect()
}

fn escape(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' | '-' => written.push(c),
            '_' => written.push_str("__"),
            '.' => written.push_str("_d"),
            '/' => written.push_str("_s"),
            'A'..='Z' => written.extend(['_', 'u', c.to_ascii_lowercase()]),
            // Kubernetes has no such character in a label; by number, so that nothing is lost if it ever does.
            other => written.push_str(&format!("_x{:x}_", u32::from(other))),
        }
    }
    written
}

fn unescape(written: &str) -> Option<String> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '_' => match rest.next()? {
                '_' => '_',
                'd' => '.',
                's' => '/',
                'u' => rest.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase(),
                'x' => {
                    let (number, after) = rest.as_str().split_once('_')?;
                    let found = u32::from_str_radix(number, 16).ok().and_then(char::from_u32)?;
                    rest = after.chars();
                    found
                }
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_operators_own_labels_are_readable_on_a_bill() {
        let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
        assert_eq!(
            encode(&one("stylobate.dev/cluster-uid", uid)).unwrap(),
            one("stylobate-cluster-uid", uid)
        );
        assert_eq!(
            encode(&one("stylobate.dev/cluster", "x.Y_z")).unwrap(),
            one("stylobate-cluster", "x_d_uy__z")
        );
    }

    #[test]
    fn a_label_that_does_not_fit_is_refused_by_name() {
        let long = "X".repeat(32);
        let said = encode(&one("stylobate.dev/cluster", &long)).unwrap_err();
        assert!(
            said.contains("stylobate.dev/cluster") && said.contains(&long) && said.contains("63"),
            "{said}"
        );
        for key in ["Team", "9lives", "stylobate-cluster", &"k".repeat(64)] {
            assert!(encode(&one(key, "x")).unwrap_err().contains(key), "{key}");
        }
        let many = (0..65).map(|n| (format!("k{n}"), String::new())).collect();
        assert!(encode(&many).unwrap_err().contains("65"));
    }

    #[test]
    fn labels_of_somebody_else_are_shown_as_they_are() {
        let foreign = one("_broken", "a_");
        assert_eq!(decode(&foreign), foreign);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(key in "(stylobate\\.dev/)?[a-z][a-z0-9._-]{0,20}", value in "[A-Za-z0-9._-]{0,20}|.{0,4}") {
            let labels = one(&key, &value);
            if let Ok(written) = encode(&labels) {
                for (k, v) in &written {
                    prop_assert!(k.len() <= 63 && v.len() <= 63);
                    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
                    prop_assert!(k.chars().all(fits) && v.chars().all(fits));
                }
                prop_assert_eq!(decode(&written), labels);
            }
        }
    }
}
