//! The known name that a person most likely meant.

/// The candidate with the fewest edits; none when even that one takes too many: a third of the name, at most 4.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to add, drop or replace to make `one` of `other` (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, here) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, there) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(here != *there);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_by_letter() {
        assert_eq!([edits("work", "work"), edits("wrok", "work"), edits("", "abc")], [0, 2, 3]);
        assert_eq!(edits("max_wal_siz", "max_wal_size"), 1);
    }

    #[test]
    fn a_short_name_must_be_very_alike() {
        assert_eq!(nearest("abc", ["xyz", "abd"].into_iter()), Some("abd"));
        assert_eq!(nearest("abc", ["xyz"].into_iter()), None);
    }
}
