//! Postgres settings in layers: computed from the machine's size, then the ConfigMaps of `spec.tuning` in order.
//!
//! All pure. One refused value rejects what the ConfigMaps ask for as a whole, and the last set that was accepted stays in
//! force, while computed settings go on following the size of a member. The accepted set is kept in a child of the cluster
//! (`ClusterName::accepted_tuning`), so that it outlives the operator and the ConfigMaps.

pub mod catalog;
pub mod computed;
pub mod layers;
pub mod limits;
pub mod memory;
pub mod reserved;
pub mod rules;
mod sessions;
mod suggest;
mod texts;
pub mod units;
pub mod value;

use std::collections::BTreeMap;

use crate::target::Problem;

pub use catalog::Catalog;
pub use computed::{Machine, computed};
pub use layers::{Book, Earlier, Kept, Layer, Overlay};
pub use rules::View;

/// Settings by name. Ordered, so that equal input renders equal text.
pub type Settings = BTreeMap<String, String>;

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The size of a member.
    Computed,
    /// A ConfigMap by name.
    ConfigMap(String),
}

/// A setting that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The value, as it is sent.
    pub value: String,
    /// Where it is from.
    pub source: Source,
    /// Values of earlier ConfigMaps that it wins over.
    pub overrides: Vec<Earlier>,
}

/// The settings of a cluster, and what was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuned {
    /// What is in force, by name.
    pub chosen: BTreeMap<String, Chosen>,
    /// What of it is from ConfigMaps: the set to keep.
    pub overlay: Overlay,
    /// What the ConfigMaps ask for and is refused. While there is any, the set that was kept is in force.
    pub refused: Vec<Problem>,
    /// What of the spec does not fit the settings in force.
    pub misfits: Vec<Problem>,
}

impl Tuned {
    /// Names and values in force.
    pub fn settings(&self) -> Settings {
        self.chosen.iter().map(|(name, chosen)| (name.clone(), chosen.value.clone())).collect()
    }
}

/// A disagreement between the settings and the rest of the spec, told in the two ways in which it can come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The settings are as before, so the spec has to change.
    pub problem: Problem,
    /// The settings are new, so the ConfigMap has to change.
    pub refusal: Problem,
}

/// What settings are chosen from.
pub struct Tuning<'a> {
    /// What is computed.
    pub base: Settings,
    /// What is computed and no ConfigMap overrules.
    pub settled: Settings,
    /// ConfigMaps in the order of the spec.
    pub layers: &'a [Layer],
    /// The set that was accepted last; empty when none was.
    pub kept: &'a Overlay,
    /// What is known of the settings.
    pub book: &'a Book<'a>,
    /// What does not go together.
    pub misfits: &'a dyn Fn(&View) -> Vec<Misfit>,
}

impl Tuning<'_> {
    /// Takes what the ConfigMaps ask for when all of it is good, else what was kept.
    pub fn choose(&self) -> Tuned {
        let (asked, mut refused) = self.book.overlay(self.layers);
        let same = layers::values(&asked) == layers::values(self.kept);
        if refused.is_empty() {
            let chosen = self.laid(&asked);
            let misfits = self.misfits(&chosen);
            if misfits.is_empty() || same {
                let misfits = misfits.into_iter().map(|misfit| misfit.problem).collect();
                return Tuned { chosen, overlay: asked, refused, misfits };
            }
            refused.extend(misfits.into_iter().map(|misfit| misfit.refusal));
        }
        // What was kept was good once; it is judged again, since anybody may have edited it meanwhile.
        let mut overlay = self.kept.clone();
        overlay.retain(|name, kept| self.book.check(name, &kept.value).is_ok());
        let chosen = self.laid(&overlay);
        let misfits = self.misfits(&chosen).into_iter().map(|misfit| misfit.problem).collect();
        Tuned { chosen, overlay, refused, misfits }
    }

    fn misfits(&self, chosen: &BTreeMap<String, Chosen>) -> Vec<Misfit> {
        (self.misfits)(&View { chosen, catalog: self.book.catalog })
    }

    fn laid(&self, overlay: &Overlay) -> BTreeMap<String, Chosen> {
        let computed = |(name, value): (&String, &String)| {
            let value = value.clone();
            (name.clone(), Chosen { value, source: Source::Computed, overrides: Vec::new() })
        };
        let given = overlay.iter().map(|(name, kept)| {
            let Kept { value, source, overrides } = kept.clone();
            (name.clone(), Chosen { value, source: Source::ConfigMap(source), overrides })
        });
        self.base.iter().map(computed).chain(given).chain(self.settled.iter().map(computed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const OWN: BTreeSet<String> = BTreeSet::new();

    /// Chooses among one ConfigMap `mine` and what was kept; `work_mem` over 1 GB does not fit.
    fn choose(pairs: &[(&str, &str)], kept: &Overlay) -> Tuned {
        let catalog = Catalog::bundled(17).unwrap();
        let book = Book {
            program: "Postgres",
            field: "spec.tuning",
            catalog: &catalog,
            reserved: reserved::reason,
            limits: &|entry, value| limits::limit(entry, value, true),
            libraries: &[],
            own: &OWN,
            beyond: None,
        };
        let data = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let misfits = |view: &View| {
            let large = view.number("work_mem").is_some_and(|kib| kib > 1_048_576.0);
            let problem = Problem::new("spec.resources.memory", "1Gi", "raise it");
            let refusal = view.problem(&["work_mem"], "lower it".into());
            if large { vec![Misfit { problem, refusal }] } else { Vec::new() }
        };
        Tuning {
            base: Settings::from([("work_mem".into(), "4MB".into())]),
            settled: Settings::new(),
            layers: &[Layer { name: "mine".into(), data: Some(data) }],
            kept,
            book: &book,
            misfits: &misfits,
        }
        .choose()
    }

    #[test]
    fn one_bad_value_rejects_the_set_and_the_last_good_one_stays_with_all_its_keys() {
        let good = choose(&[("work_mem", "8MB"), ("jit", "no")], &Overlay::new());
        assert_eq!(good.refused, []);
        assert_eq!(good.chosen["work_mem"].source, Source::ConfigMap("mine".into()));
        assert_eq!(good.chosen["jit"].value, "off");

        let bad = choose(&[("work_mem", "16MB"), ("jitt", "no")], &good.overlay);
        assert_eq!(bad.refused.len(), 1);
        assert_eq!((&bad.settings(), &bad.overlay), (&good.settings(), &good.overlay));

        let fewer = choose(&[("work_mem", "16MB")], &bad.overlay);
        assert_eq!((fewer.refused.len(), fewer.chosen.contains_key("jit")), (0, false));
    }

    #[test]
    fn how_much_there_is_in_a_config_map_is_no_work_of_ours_to_bear() {
        let keys = |count: usize| (0..count).map(|number| (format!("work_mam_{number}"), "4MB".to_owned()));
        let choose = |count: usize| {
            let keys: Vec<(String, String)> = keys(count).collect();
            let pairs: Vec<(&str, &str)> =
                keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            choose(&pairs, &Overlay::new()).refused
        };
        let many = choose(500);
        let explained = many.iter().filter(|problem| problem.remedy.contains("did you mean")).count();
        assert!(many.len() == 500 && explained <= 20, "{} refused, {explained} explained", many.len());
        let too_many = choose(501);
        assert_eq!(too_many.len(), 1);
        assert_eq!(too_many[0].field, "spec.tuning[0].configMap");
        assert!(too_many[0].remedy.contains("501 keys"), "{}", too_many[0]);
    }

    #[test]
    fn a_new_value_that_does_not_fit_is_refused_and_an_old_one_is_the_specs_problem() {
        let new = choose(&[("work_mem", "2GB")], &Overlay::new());
        assert_eq!(new.refused[0].field, "setting work_mem of ConfigMap mine");
        assert_eq!((new.chosen["work_mem"].value.as_str(), new.misfits.len()), ("4MB", 0));

        let kept = Kept { value: "2GB".into(), source: "mine".into(), overrides: Vec::new() };
        let old = choose(&[("work_mem", "2GB")], &Overlay::from([("work_mem".into(), kept)]));
        assert_eq!((old.refused.len(), old.misfits[0].field.as_str()), (0, "spec.resources.memory"));
        assert_eq!(old.chosen["work_mem"].value, "2GB");
    }

    #[test]
    fn what_somebody_wrote_into_the_kept_set_by_hand_is_not_trusted() {
        let kept = Kept { value: "touch /tmp/x".into(), source: "mine".into(), overrides: Vec::new() };
        let forged = Overlay::from([("archive_command".into(), kept)]);
        let tuned = choose(&[("jitt", "no")], &forged);
        assert!(!tuned.chosen.contains_key("archive_command"));
    }
}
