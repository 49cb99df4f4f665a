//! A small world for the sequence: steps come true at once, time goes on by a second a round, and the operator can be killed between any
//! two steps. What is different about snapshots and copies is outside of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::json;

use super::facts::{CopySeen, GroupFacts, Seen, Shelf, Source, SourceFacts};
use super::step::{Fact, Step};
use super::{Decision, decide, fold, manifest};
use crate::api::{BackupMethod, BackupPhase, BackupSource, BackupStatus, Flavor, PostgresBackup};
use crate::name::{ANNOTATION_BEGUN_AS, FINALIZER_BACKUP, digest};
use crate::snapshot::Volume;

/// UID of the backup.
const UID: &str = "0b1c2d3e-0000-4000-8000-000000000001";

/// Where snapshots or copies are.
pub trait Outside {
    /// How the backup is made.
    const METHOD: BackupMethod;

    /// What goes on by itself before the operator looks, and what it then sees.
    fn before_round(&mut self, _: &mut Seen, _: Timestamp) {}

    /// What goes on by itself while the world runs to its end.
    fn while_running(&mut self, _: &mut Seen, _last: Option<&str>) {}

    /// A step that snapshots or copies alone have.
    fn come_true(&mut self, seen: &mut Seen, step: &Step, now: Timestamp) -> Fact;
}

/// What is so outside of the operator.
pub struct World<O> {
    pub seen: Seen,
    pub now: Timestamp,
    pub steps: Vec<String>,
    pub outside: O,
}

impl<O: Outside + Default> World<O> {
    pub fn new() -> Self {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": UID, "creationTimestamp": now.to_string()},
            "spec": {"cluster": "c", "method": O::METHOD},
        }))
        .unwrap();
        let seen = Seen {
            backup: Arc::new(backup),
            namespace_ends: false,
            shares: Vec::new(),
            reader: None,
            ahead: None,
            turn: true,
            crowd: 1,
            source: Source::Ready(Box::new(facts("c-0", 1))),
            snapshots: BTreeMap::new(),
            copy: CopySeen::Unasked,
            manifest: None,
            shelf: Shelf::Unasked,
        };
        Self { seen, now, steps: Vec::new(), outside: O::default() }
    }

    /// Rounds until a phase is reached.
    pub fn until(phase: BackupPhase) -> Self {
        let mut world = Self::new();
        for _ in 0..20 {
            if world.status().phase == phase {
                return world;
            }
            world.round(false);
        }
        panic!("never {phase:?}: {:?}", world.steps);
    }

    /// Killed in this round, and run to its end then.
    pub fn killed_in(death: u32) -> Self {
        let mut world = Self::new();
        for round in 0..=death {
            world.round(round == death);
        }
        world.run();
        world
    }
}

impl<O: Outside> World<O> {
    pub fn status(&self) -> BackupStatus {
        self.seen.backup.status.clone().unwrap_or_default()
    }

    pub fn write(&mut self, status: BackupStatus) {
        self.backup().status = Some(status);
    }

    pub fn backup(&mut self) -> &mut PostgresBackup {
        Arc::make_mut(&mut self.seen.backup)
    }

    pub fn delete(&mut self) {
        self.backup().metadata.deletion_timestamp = Some(Time(self.now));
    }

    /// One round; when `dies`, the operator is killed after the step and before its fact is written down. Says whether there was anything
    /// to do.
    pub fn round(&mut self, dies: bool) -> bool {
        self.now += SignedDuration::from_secs(1);
        self.outside.before_round(&mut self.seen, self.now);
        let before = self.status();
        let decision = decide(&self.seen, self.now);
        self.write(decision.status.clone());
        let Some(step) = decision.step else { return decision.status != before };
        self.steps.push(step.action().to_owned());
        let fact = self.come_true(&step);
        if !dies {
            self.write(fold(O::METHOD, &decision.status, &fact, self.now));
        }
        true
    }

    /// One look at this moment, and its step done and written down.
    pub fn look(&mut self, now: Timestamp) -> Decision {
        self.now = now;
        self.outside.before_round(&mut self.seen, now);
        let decision = decide(&self.seen, now);
        self.write(decision.status.clone());
        if let Some(step) = &decision.step {
            let fact = self.come_true(step);
            self.write(fold(O::METHOD, &decision.status, &fact, now));
        }
        decision
    }

    fn come_true(&mut self, step: &Step) -> Fact {
        match step {
            Step::Guard => {
                let mark = (ANNOTATION_BEGUN_AS.to_owned(), self.seen.uid().to_owned());
                self.backup().annotations_mut().extend([mark]);
                self.backup().metadata.finalizers = Some(vec![FINALIZER_BACKUP.into()]);
            }
            Step::Unguard => self.backup().metadata.finalizers = None,
            Step::Checkpoint { .. } => return Fact::Checkpointed { at: self.now, lsn: "0/1".into() },
            Step::Mark { restore_point, .. } => {
                let (lsn, checkpoint_lsn) = ("0/20".into(), "0/10".into());
                return Fact::Marked { restore_point: restore_point.clone(), lsn, checkpoint_lsn, stall: 4 };
            }
            Step::StoreManifest => self.seen.manifest = manifest::wanted(&self.seen.backup),
            Step::DropManifest => self.seen.manifest = None,
            Step::Shelve { .. } => {
                return Fact::Shelved(Some(digest(manifest::for_archive(&self.seen.backup).as_bytes())));
            }
            Step::Unshelve { .. } => return Fact::Shelved(None),
            Step::Cut { .. }
            | Step::Import { .. }
            | Step::DeleteSnapshots { .. }
            | Step::Copy { .. }
            | Step::RemoveCopy { .. } => {
                return self.outside.come_true(&mut self.seen, step, self.now);
            }
        }
        Fact::Nothing
    }

    /// Until nothing is left to do.
    pub fn run(&mut self) {
        for _ in 0..40 {
            self.outside.while_running(&mut self.seen, self.steps.last().map(String::as_str));
            if !self.round(false) {
                return;
            }
        }
        panic!("no end: {:?}", self.steps);
    }
}

/// A cluster that can be backed up, with this primary.
pub fn facts(member: &str, timeline: i64) -> SourceFacts {
    SourceFacts {
        source: BackupSource {
            cluster_uid: "u-1".into(),
            namespace_uid: None,
            flavor: Flavor::Postgres,
            version: "17.91".into(),
            image: "i".into(),
            storage: "1Gi".into(),
            settings: BTreeMap::new(),
            cluster_spec: "{}".into(),
            archived: None,
        },
        policy: Default::default(),
        class: Some("k".into()),
        groups: vec![GroupFacts {
            group: 0,
            member: member.into(),
            volume: Volume {
                claim: format!("data-{member}"),
                name: format!("pv-{member}"),
                ..Volume::default()
            },
            timeline,
            system_identifier: "7".into(),
        }],
    }
}
