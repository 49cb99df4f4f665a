//! What the database promised us, kept on this side, and the comparison with what it holds in the end.

/// What is known of one transfer on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Acknowledged,
    Unknown,
    Failed,
}

/// The fates of one worker's transfers: the index is the sequence number. A byte each, so that hours of a busy
/// run fit in memory.
pub(super) type Fates = Vec<Fate>;

/// How many lost transfers are named: enough to look them up, few enough to read.
const EXAMPLES: usize = 10;

/// The comparison while rows come in.
pub(super) struct Comparison<'a> {
    journal: &'a [Fates],
    seen: Vec<Vec<bool>>,
    duplicates: u64,
    strangers: u64,
}

/// What the comparison found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Findings {
    /// Acknowledged transfers that are there.
    pub present: u64,
    /// Acknowledged transfers that are not: each is a broken promise.
    pub lost: u64,
    /// The first lost ones, as worker and sequence number.
    pub lost_examples: Vec<(usize, usize)>,
    /// Unknown transfers that turned out to be there.
    pub found: u64,
    /// Rows whose id came a second time.
    pub duplicates: u64,
    /// Rows of transfers that failed or were never made.
    pub unexpected: u64,
}

/// How many transfers had each fate.
pub(super) fn count(journal: &[Fates], fate: Fate) -> u64 {
    journal.iter().flatten().filter(|other| **other == fate).count() as u64
}

impl<'a> Comparison<'a> {
    pub fn new(journal: &'a [Fates]) -> Self {
        let seen = journal.iter().map(|fates| vec![false; fates.len()]).collect();
        Self { journal, seen, duplicates: 0, strangers: 0 }
    }

    /// Takes note of a row of this run in the ledger.
    pub fn row(&mut self, worker: usize, sequence: usize) {
        match self.seen.get_mut(worker).and_then(|seen| seen.get_mut(sequence)) {
            None => self.strangers += 1,
            Some(seen) if *seen => self.duplicates += 1,
            Some(seen) => *seen = true,
        }
    }

    pub fn finish(self) -> Findings {
        let mut findings =
            Findings { duplicates: self.duplicates, unexpected: self.strangers, ..Findings::default() };
        for (worker, (fates, seen)) in self.journal.iter().zip(&self.seen).enumerate() {
            for (sequence, (fate, seen)) in fates.iter().zip(seen).enumerate() {
                match (fate, seen) {
                    (Fate::Acknowledged, true) => findings.present += 1,
                    (Fate::Acknowledged, false) => {
                        findings.lost += 1;
                        if findings.lost_examples.len() < EXAMPLES {
                            findings.lost_examples.push((worker, sequence));
                        }
                    }
                    (Fate::Unknown, true) => findings.found += 1,
                    (Fate::Failed, true) => findings.unexpected += 1,
                    (Fate::Unknown | Fate::Failed, false) => {}
                }
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::Fate::{Acknowledged, Failed, Unknown};
    use super::*;

    fn compare(journal: &[Fates], rows: &[(usize, usize)]) -> Findings {
        let mut comparison = Comparison::new(journal);
        rows.iter().for_each(|(worker, sequence)| comparison.row(*worker, *sequence));
        comparison.finish()
    }

    #[test]
    fn unknown_may_be_there_or_not() {
        let journal = [vec![Acknowledged, Unknown, Failed], vec![Unknown, Acknowledged]];
        let findings = compare(&journal, &[(0, 0), (0, 1), (1, 1)]);
        assert_eq!(findings, Findings { present: 2, found: 1, ..Findings::default() });
        assert_eq!(count(&journal, Unknown), 2);
    }

    #[test]
    fn a_missing_acknowledged_transfer_is_lost() {
        let journal = [vec![Acknowledged; 3], vec![Acknowledged]];
        let findings = compare(&journal, &[(0, 0), (0, 2), (1, 0)]);
        assert_eq!((findings.present, findings.lost), (3, 1));
        assert_eq!(findings.lost_examples, [(0, 1)]);
    }

    #[test]
    fn rows_that_must_not_be_there_are_counted() {
        let journal = [vec![Failed, Acknowledged]];
        let findings = compare(&journal, &[(0, 0), (0, 1), (0, 1), (0, 2), (7, 0)]);
        assert_eq!((findings.present, findings.duplicates, findings.unexpected), (1, 1, 3));
    }
}
