//! Backups: their own controller, which takes each one phase further in a round.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use stylobate::api::{BackupPhase, BackupStatus, GroupBackup, PostgresBackup};
use stylobate::name::ANNOTATION_MISSED;
use stylobate::observe::BackupSeen;

use super::World;
use super::world::BackupsEnd;

impl World {
    /// Makes the object, if there is none of its name.
    pub fn store_backup(&mut self, backup: &PostgresBackup) {
        let name = backup.metadata.name.clone().expect("a backup has a name");
        assert!(name.len() <= 63, "{name} is no label");
        let missed = backup.metadata.annotations.iter().flatten().find(|(key, _)| *key == ANNOTATION_MISSED);
        let seen = BackupSeen {
            uid: format!("uid-{}", self.next()),
            resource_version: "1".into(),
            created: Some(self.now),
            spec: backup.spec.clone(),
            status: BackupStatus::default(),
            deleting: false,
            missed: missed.map(|(_, why)| why.clone()),
            verify: None,
            used_by: None,
        };
        self.backups.entry(name).or_insert(seen);
    }

    /// The end of a run that did not begin.
    pub fn end_missed(&mut self, backup: &PostgresBackup, reason: &str, at: Timestamp) {
        self.store_backup(backup);
        let name = backup.metadata.name.as_ref().expect("a backup has a name");
        let live = self.backups.get_mut(name).expect("it was made");
        assert!(live.missed.is_some(), "{name} may be begun by others");
        live.status.phase = BackupPhase::Missed;
        live.status.reason = Some(reason.to_owned());
        live.status.completed_at = Some(Time(at));
    }

    /// A backup that a person asks for.
    pub fn backup_by_hand(&mut self, name: &str) {
        let cluster = self.name().name;
        let mut backup =
            PostgresBackup::new(name, serde_json::from_value(json!({"cluster": cluster})).expect("a spec"));
        backup.metadata.namespace = Some(self.name().namespace);
        self.store_backup(&backup);
    }

    /// Takes each backup one phase further.
    pub fn make_backups(&mut self) {
        let status = self.cluster.status.clone().unwrap_or_default();
        for backup in self.backups.values_mut().filter(|backup| backup.missed.is_none()) {
            let live = &mut backup.status;
            match live.phase {
                BackupPhase::Pending => {
                    live.phase = BackupPhase::Cutting;
                    live.started_at = Some(Time(self.now));
                    live.source = serde_json::from_value(json!({
                        "clusterUid": "uid-of-the-cluster", "flavor": "Postgres", "version": status.version.clone(),
                        "image": "i", "storage": "2Gi", "settings": {}, "clusterSpec": "",
                    }))
                    .ok();
                    live.groups = vec![GroupBackup {
                        system_identifier: status.system_identifier.clone().unwrap_or_default(),
                        ..GroupBackup::default()
                    }];
                }
                BackupPhase::Checkpointing
                | BackupPhase::Cutting
                | BackupPhase::Finishing
                | BackupPhase::Copying => {
                    match &self.backups_end {
                        BackupsEnd::Never => continue,
                        BackupsEnd::Well => {
                            live.phase = BackupPhase::Succeeded;
                            live.cut_at = Some(Time(self.now));
                        }
                        BackupsEnd::Badly(why) => {
                            live.phase = BackupPhase::Failed;
                            live.reason = Some(why.clone());
                        }
                    }
                    live.completed_at = Some(Time(self.now));
                }
                BackupPhase::Succeeded
                | BackupPhase::Failed
                | BackupPhase::Missed
                | BackupPhase::Lost
                | BackupPhase::NotRun => {}
            }
        }
    }

    /// All backups as text.
    pub fn show_backups(&self) -> String {
        let mut text = String::new();
        for (name, backup) in &self.backups {
            let (status, held) = (&backup.status, if backup.spec.hold { ", held" } else { "" });
            let until = status.kept_until.as_ref().map(|until| format!(" until {:.0}", until.0));
            let kept = status.kept_by.join(", ");
            let _ = writeln!(
                text,
                "  {name}: {:?}{held}, kept{} by {kept}",
                status.phase,
                until.unwrap_or_default()
            );
        }
        text
    }
}
