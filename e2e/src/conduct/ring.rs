//! One run of the ring: the operator is installed, groups run in lanes, and what broke is tried once more, alone.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::broken::Kept;
use crate::harness::stage::Stage;
use crate::harness::{World, child};
use crate::suites::{Code, GROUPS, Group, INSTALL, Suite};
use crate::told::Told;

use super::choice::{Choice, Part};
use super::cpu::Meter;
use super::lanes;
use super::shell::Shell;
use super::verdict::{Verdict, judge};

/// What waits get beside other lanes, times the seconds of an idle machine; alone they get less.
const PATIENCE_BESIDE: u32 = 3;
const PATIENCE_ALONE: u32 = 2;

/// Suites of a group that are run, each with its last promise where not all are.
type Chosen = (&'static Group, Vec<(&'static Suite, Option<String>)>);

/// A run.
pub struct Ring {
    world: Rc<World>,
    lanes: usize,
    keep: bool,
    told: RefCell<Vec<Told>>,
    took: RefCell<Vec<(&'static Suite, u64)>>,
}

impl Ring {
    /// In so many lanes; namespaces stay when they should be kept.
    pub fn new(world: Rc<World>, lanes: usize, keep: bool) -> Self {
        Self { world, lanes, keep, told: RefCell::default(), took: RefCell::default() }
    }

    /// Names of all promises of a suite.
    ///
    /// # Errors
    /// When a shell suite can't be read.
    pub async fn names(&self, suite: &'static Suite) -> Kept<Vec<String>> {
        match suite.code {
            Code::Shell(file) => self.shell(suite, file, "", 1, None).names().await,
            Code::Rust(prove) => {
                let stage = Stage::listing(self.world.clone(), suite.name);
                prove(&stage).await;
                Ok(stage.told().into_iter().map(|told| told.what).collect())
            }
        }
    }

    /// What is run of each group.
    ///
    /// # Errors
    /// When a shell suite can't be read.
    pub async fn chosen(&self, choice: &Choice) -> Kept<Vec<Chosen>> {
        let mut chosen: Vec<Chosen> = Vec::new();
        for group in GROUPS {
            let mut suites = Vec::new();
            for suite in group.suites {
                match choice.part(suite.name, &self.names(suite).await?) {
                    Part::Nothing => {}
                    Part::UpTo(last) => suites.push((suite, Some(last))),
                    Part::All => suites.push((suite, None)),
                }
            }
            let prelude = match group.prelude {
                Some(prelude) if !choice.filters.is_empty() => {
                    choice.part(prelude.name, &self.names(prelude).await?) != Part::Nothing
                }
                _ => false,
            };
            if !suites.is_empty() || prelude {
                chosen.push((group, suites));
            }
        }
        // The longest first, so that the others end beside it.
        chosen.sort_by_key(|(group, _)| std::cmp::Reverse(group.budget()));
        Ok(chosen)
    }

    /// Runs all that is chosen and prints the closing lines.
    ///
    /// # Errors
    /// When there is no cluster to run on.
    pub async fn run(&self, choice: &Choice) -> Kept<Verdict> {
        let began = Instant::now();
        let chosen = self.chosen(choice).await?;
        let meter = RefCell::new(Meter::start());
        if !self.group("install", None, &[(&INSTALL, None)], PATIENCE_ALONE).await {
            let verdict = judge(&self.told.borrow(), &[]);
            verdict.lines(began.elapsed().as_secs()).iter().for_each(|line| println!("{line}"));
            return Ok(verdict);
        }
        let room = lanes::free(&self.world.client).await?;
        println!(
            "--    {} groups in {} lanes, in the room of {room} thousandths of a processor",
            chosen.len(),
            self.lanes
        );
        let patience = if self.lanes > 1 { PATIENCE_BESIDE } else { PATIENCE_ALONE };
        let work = chosen.iter().map(|chosen| (chosen.0.millicores, chosen)).collect();
        let run = async |(group, suites): &Chosen| {
            self.group(group.name, group.prelude, suites, patience).await;
        };
        lanes::side_by_side(self.lanes, room, work, run, |busy| meter.borrow_mut().busy(busy)).await;
        let first = self.told.take();
        let idle = meter.borrow_mut().summary();
        self.again(&chosen, &first).await;
        let verdict = judge(&first, &self.told.borrow());
        self.closing(&idle);
        verdict.lines(began.elapsed().as_secs()).iter().for_each(|line| println!("{line}"));
        Ok(verdict)
    }

    /// Suites with a broken promise, each in a namespace of its own, up to the last of its broken promises.
    async fn again(&self, chosen: &[Chosen], first: &[Told]) {
        let broken: BTreeSet<&str> = first.iter().filter(|told| !told.kept).map(|told| told.suite).collect();
        let prelude_broke =
            |group: &Group| group.prelude.is_some_and(|prelude| broken.contains(prelude.name));
        for (group, suites) in chosen {
            let mut repeated = false;
            for (suite, last) in suites {
                let told: Vec<&Told> = first.iter().filter(|told| told.suite == suite.name).collect();
                let unproved = told.is_empty();
                if !unproved && told.iter().all(|told| told.kept) {
                    continue;
                }
                // A file that ended before its end is run whole.
                let until = told.iter().rfind(|told| !told.kept).map(|told| told.name());
                let whole = unproved || until.as_ref().is_some_and(|name| name.ends_with(" runs to its end"));
                let last = if whole { last.clone() } else { until };
                println!("--    {} again, alone", suite.name);
                repeated = true;
                self.group(&format!("{}-again", suite.name), group.prelude, &[(suite, last)], PATIENCE_ALONE)
                    .await;
            }
            if !repeated && prelude_broke(group) {
                self.group(&format!("{}-again", group.name), group.prelude, &[], PATIENCE_ALONE).await;
            }
        }
    }

    /// Runs suites in a namespace; whether all promises were kept. What stands on a broken prelude is not tried.
    async fn group(
        &self,
        name: &str,
        prelude: Option<&'static Suite>,
        suites: &[(&'static Suite, Option<String>)],
        patience: u32,
    ) -> bool {
        let namespace = format!("e2e-{name}");
        let made = child::output(&self.world.root, &["local/new-namespace.sh", &namespace]).await;
        if let Err(why) = made {
            let what = format!("a namespace for {name} is made");
            let told =
                Told { suite: "namespaces", what, kept: false, seconds: 0, why: Some(why.to_string()) };
            println!("{told}\n        {why}");
            self.told.borrow_mut().push(told);
            return false;
        }
        let mut kept = true;
        let all = prelude.map(|prelude| (prelude, None)).into_iter().chain(suites.iter().cloned());
        for (suite, last) in all {
            let suite_kept = self.suite(suite, &namespace, patience, last).await;
            kept &= suite_kept;
            if !suite_kept && prelude.is_some_and(|prelude| prelude.name == suite.name) {
                println!("--    {name}: what stands on {} is not tried now", suite.name);
                break;
            }
        }
        if !self.keep {
            let gone = ["kubectl", "delete", "namespace", &namespace, "--wait=false"];
            if let Err(why) = child::output(&self.world.root, &gone).await {
                println!("--    {name}: its namespace stays: {why}");
            }
        }
        kept
    }

    async fn suite(
        &self,
        suite: &'static Suite,
        namespace: &str,
        patience: u32,
        last: Option<String>,
    ) -> bool {
        let began = Instant::now();
        let told = match suite.code {
            Code::Shell(file) => self.shell(suite, file, namespace, patience, last.as_deref()).prove().await,
            Code::Rust(prove) => {
                let stage =
                    Stage::proving(self.world.clone(), suite.name, namespace.to_owned(), patience, last);
                prove(&stage).await;
                stage.told()
            }
        };
        let seconds = began.elapsed().as_secs();
        println!("--    {}: {seconds} s of {} s", suite.name, suite.budget);
        self.took.borrow_mut().push((suite, seconds));
        let kept = told.iter().all(|told| told.kept);
        self.told.borrow_mut().extend(told);
        kept
    }

    fn shell<'a>(
        &'a self,
        suite: &'static Suite,
        file: &'static str,
        namespace: &'a str,
        patience: u32,
        last: Option<&'a str>,
    ) -> Shell<'a> {
        // Thrice its budget is much, and ten minutes are there for a file that waits for all of its promises in vain.
        let limit = Duration::from_secs(suite.budget * 3 + 600);
        Shell { world: &self.world, suite: suite.name, file, namespace, patience, last, limit }
    }

    fn closing(&self, idle: &str) {
        println!("\nlanes: {idle}");
        for (suite, seconds) in self.took.borrow().iter().filter(|(suite, seconds)| *seconds > suite.budget) {
            println!("over its budget: {}, {seconds} s of {} s", suite.name, suite.budget);
        }
    }
}
