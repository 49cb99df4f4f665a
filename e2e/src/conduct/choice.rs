//! Which promises are proved: by parts of their names, as cargo nextest chooses tests.

use crate::told;

/// What was asked for on the command line.
pub struct Choice {
    /// Parts of names, or whole ones; all promises when there is none.
    pub filters: Vec<String>,
    /// Whether a filter has to be the whole name.
    pub exact: bool,
    /// Names of all suites. Such a name is no part of other names: it stands for all promises of its suite.
    pub suites: Vec<&'static str>,
}

/// How much of a suite is run. A promise stands on those before it in its suite, so they are proved too.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing of it.
    Nothing,
    /// Up to this promise, by its whole name.
    UpTo(String),
    /// All of it.
    All,
}

impl Choice {
    /// Whether the promise is asked for.
    pub fn wants(&self, suite: &str, what: &str) -> bool {
        let name = told::name(suite, what);
        let hit = |filter: &str| match (self.suites.contains(&filter), self.exact) {
            (true, _) => filter == suite,
            (false, true) => filter == name,
            (false, false) => name.contains(filter),
        };
        self.filters.is_empty() || self.filters.iter().any(|filter| hit(filter))
    }

    /// How much of a suite with these promises is run.
    pub fn part(&self, suite: &str, promises: &[String]) -> Part {
        match promises.iter().rposition(|what| self.wants(suite, what)) {
            None => Part::Nothing,
            Some(last) if last + 1 == promises.len() => Part::All,
            Some(last) => Part::UpTo(told::name(suite, &promises[last])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(filters: &[&str], exact: bool) -> Choice {
        Choice {
            filters: filters.iter().map(|&filter| filter.to_owned()).collect(),
            exact,
            suites: vec!["kill", "made"],
        }
    }

    fn promises() -> Vec<String> {
        ["it is made", "it goes on", "it goes"].map(str::to_owned).to_vec()
    }

    #[test]
    fn nothing_asked_is_everything() {
        assert_eq!(choice(&[], false).part("kill", &promises()), Part::All);
        assert_eq!(choice(&[], true).part("kill", &promises()), Part::All);
    }

    #[test]
    fn the_last_that_is_asked_for_brings_those_before_it() {
        let up_to = |what: &str| Part::UpTo(format!("kill: {what}"));
        assert_eq!(choice(&["goes on"], false).part("kill", &promises()), up_to("it goes on"));
        assert_eq!(choice(&["is made", "kill: it is"], false).part("kill", &promises()), up_to("it is made"));
        assert_eq!(choice(&["goes"], false).part("kill", &promises()), Part::All);
        assert_eq!(choice(&["made"], false).part("kill", &promises()), Part::Nothing, "it is a suite's name");
        assert_eq!(choice(&["stays"], false).part("kill", &promises()), Part::Nothing);
    }

    #[test]
    fn exact_wants_the_whole_name_or_a_suite() {
        assert_eq!(choice(&["kill: it goes"], true).part("kill", &promises()), Part::All);
        assert_eq!(choice(&["it goes"], true).part("kill", &promises()), Part::Nothing);
        assert_eq!(choice(&["kill"], true).part("kill", &promises()), Part::All);
        assert_eq!(choice(&["kill"], true).part("killed", &promises()), Part::Nothing);
    }
}
