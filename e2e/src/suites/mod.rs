//! The promises, suite by suite, and which suites share a namespace.
//!
//! A *suite* is a file of promises that stand on each other, in Rust here or in shell in `tests/e2e/promises/`. A *group* is what
//! runs in one namespace, one suite after the other. New promises are written in Rust.

mod base;
mod bouncer;
mod catalog;
mod hostile;
mod in_place;
mod logical;
mod major;
mod odd;
mod others;
mod pooler;
mod refuse;
mod restart;
mod schedule;

use futures::future::LocalBoxFuture;

use crate::harness::stage::Stage;

/// What proves a suite's promises.
pub enum Code {
    /// A function of this crate.
    Rust(for<'a> fn(&'a Stage) -> LocalBoxFuture<'a, ()>),
    /// A file of `tests/e2e/promises/`, without `.sh`.
    Shell(&'static str),
}

/// A file of promises that stand on each other.
pub struct Suite {
    /// Its name; also the first part of the names of its promises.
    pub name: &'static str,
    /// Seconds that it should take beside others on two processors; what takes longer is told. Measured, with half of it to spare.
    pub budget: u64,
    /// Its promises.
    pub code: Code,
}

/// Suites that share a namespace, and with it a cluster.
pub struct Group {
    /// Its name; the namespace is `e2e-<name>`.
    pub name: &'static str,
    /// What its pods ask for at the same time at most, in thousandths of a processor: a group begins where there is room for it.
    pub millicores: u64,
    /// What all its suites stand on, proved before them.
    pub prelude: Option<&'static Suite>,
    /// Its suites, in their order.
    pub suites: &'static [Suite],
}

impl Group {
    /// Seconds that all of it should take.
    pub fn budget(&self) -> u64 {
        self.prelude
            .iter()
            .map(|prelude| prelude.budget)
            .chain(self.suites.iter().map(|suite| suite.budget))
            .sum()
    }
}

/// A suite of this crate: `rust!("name", budget, module)`.
macro_rules! rust {
    ($name:literal, $budget:literal, $module:ident) => {
        Suite { name: $name, budget: $budget, code: Code::Rust(|stage| Box::pin($module::prove(stage))) }
    };
}

const fn shell(name: &'static str, file: &'static str, budget: u64) -> Suite {
    Suite { name, budget, code: Code::Shell(file) }
}

/// The operator itself: before everything else, and alone.
pub static INSTALL: Suite = shell("install", "10-install", 60);

/// The cluster `shop`: three members, one user, two poolers.
static SHOP: Suite = shell("make", "11-make", 90);

/// All groups.
pub static GROUPS: &[Group] = &[
    Group {
        name: "shop",
        millicores: 600,
        prelude: Some(&SHOP),
        suites: &[
            shell("secure", "20-secure", 60),
            shell("converged", "30-converged", 300),
            shell("scale", "40-scale", 120),
            shell("tuning", "41-tuning", 120),
            shell("command-line", "45-command-line", 120),
            shell("rollout", "46-rollout", 400),
            shell("drain", "48-drain", 120),
            shell("windows", "49-windows", 300),
            shell("kill", "50-kill", 240),
        ],
    },
    Group {
        // Beside the source a copy of four and one of three in another namespace.
        name: "backup",
        millicores: 1340,
        prelude: Some(&SHOP),
        suites: &[
            shell("backup", "55-backup", 300),
            shell("restore", "56-restore", 500),
            shell("drill", "57-drill", 700),
        ],
    },
    Group { name: "schedule", millicores: 200, prelude: None, suites: &[rust!("schedule", 900, schedule)] },
    Group { name: "in-place", millicores: 400, prelude: None, suites: &[rust!("in-place", 400, in_place)] },
    Group { name: "base", millicores: 500, prelude: None, suites: &[rust!("base", 500, base)] },
    Group {
        name: "archive",
        millicores: 800,
        prelude: None,
        suites: &[shell("archive", "56-archive", 1500)],
    },
    Group { name: "import", millicores: 800, prelude: None, suites: &[shell("import", "57-import", 900)] },
    // One after the other: both are on the older major, and one of them edits what the image catalog has for it.
    Group {
        name: "older",
        millicores: 800,
        prelude: None,
        suites: &[rust!("major", 600, major), rust!("catalog", 600, catalog)],
    },
    Group { name: "disk", millicores: 400, prelude: None, suites: &[shell("disk", "47-disk", 300)] },
    Group { name: "odd", millicores: 200, prelude: None, suites: &[rust!("odd", 200, odd)] },
    Group { name: "hostile", millicores: 200, prelude: None, suites: &[rust!("hostile", 240, hostile)] },
    Group {
        name: "others",
        millicores: 200,
        prelude: None,
        suites: &[rust!("others", 200, others), rust!("restart", 200, restart)],
    },
    // Three members and a pooler each for source and subscriber.
    Group { name: "logical", millicores: 700, prelude: None, suites: &[rust!("logical", 600, logical)] },
    Group { name: "pooler", millicores: 200, prelude: None, suites: &[rust!("pooler", 240, pooler)] },
    Group { name: "bouncer", millicores: 500, prelude: None, suites: &[rust!("bouncer", 300, bouncer)] },
    Group { name: "refuse", millicores: 600, prelude: None, suites: &[rust!("refuse", 600, refuse)] },
];

/// All suites, each once.
pub fn all() -> Vec<&'static Suite> {
    let mut all = vec![&INSTALL, &SHOP];
    all.extend(GROUPS.iter().flat_map(|group| group.suites));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn names_are_there_once() {
        let names: BTreeSet<_> = all().iter().map(|suite| suite.name).collect();
        assert_eq!(names.len(), all().len());
        let groups: BTreeSet<_> = GROUPS.iter().map(|group| group.name).collect();
        assert_eq!(groups.len(), GROUPS.len());
    }

    /// Names of the files of a folder, without what comes before and after the suite's name.
    fn files(folder: &str, ending: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let name = |file: String| {
            file.strip_suffix(ending).unwrap().trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
        };
        files
            .filter(|file| file != "mod.rs")
            .map(name)
            .map(|name| name.trim_start_matches('-').replace('_', "-"))
            .collect()
    }

    /// `tests/rings.sh` knows by it which suite a file can reach.
    #[test]
    fn every_file_is_a_suite_of_its_name() {
        let named = |shell: bool| -> BTreeSet<String> {
            let all = all().into_iter().filter(|suite| matches!(suite.code, Code::Shell(_)) == shell);
            all.map(|suite| suite.name.to_owned()).collect()
        };
        assert_eq!(files("../tests/e2e/promises", ".sh"), named(true));
        assert_eq!(files("src/suites", ".rs"), named(false));
    }

    #[test]
    fn a_shell_suite_is_named_as_its_file() {
        for suite in all() {
            if let Code::Shell(file) = suite.code {
                assert_eq!(file.split_once('-').unwrap().1, suite.name);
            }
        }
    }
}
