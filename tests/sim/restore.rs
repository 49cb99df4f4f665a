//! A cluster that begins with a backup: what is there to be cloned, and what the storage makes of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use stylobate::api::{BackupMethod, FromBackup, FromCluster, PostgresBackup, ReachedPoint};
use stylobate::child::Kind;
use stylobate::observe::{
    Children, DatabaseFacts, OriginSeen, Pruner, RestoreSeen, RoleSeen, SnapshotSeen, SourceSeen, VolumeSeen,
};
use stylobate::restore::in_place::ordered_to_stop;
use stylobate::restore::{Asked, Course, RECORD, STOP_RECORD, asked, believe};
use stylobate::secret::SecretText;
use stylobate::tuning::units::quantity_bytes;

use super::World;

impl World {
    /// A backup that has succeeded, but for `change`: a YAML mapping that is laid over its object.
    pub fn give_backup(&mut self, name: &str, change: &str) {
        let mut backup = json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": name, "namespace": self.name().namespace, "uid": format!("uid-of-{name}")},
            "spec": {"cluster": "books"},
            "status": {
                "phase": "Succeeded", "provider": "Csi", "cutAt": "2026-11-21T11:00:00Z",
                "source": {
                    "clusterUid": "uid-of-books", "flavor": "Postgres", "version": "17.91", "image": "postgres:17.91",
                    "storage": "2Gi", "settings": {"max_connections": "400"}, "clusterSpec": self.source_spec,
                },
                "groups": [{
                    "group": 0, "member": "books-0", "claim": "data-books-0", "volume": "pv", "systemIdentifier": "7",
                    "timeline": 3, "checkpointLsn": "0/3000000", "cutLsn": "0/3000100",
                    "snapshot": {"name": "s", "handle": "snap-1", "driver": "local.csi.stylobate.dev", "ready": true},
                }],
            },
        });
        if !change.is_empty() {
            let change: Value = serde_saphyr::from_str(change).expect("the change is YAML");
            lay(&mut backup, &change);
        }
        let backup: PostgresBackup = serde_json::from_value(backup).expect("a PostgresBackup");
        self.origins.retain(|other| other.metadata.name != backup.metadata.name);
        self.origins.push(backup);
    }

    /// A backup goes for good.
    pub fn delete_origin(&mut self, name: &str) {
        let before = self.origins.len();
        self.origins.retain(|backup| backup.metadata.name.as_deref() != Some(name));
        assert!(self.origins.len() < before, "there is no backup {name}");
    }

    /// What the operator reads for a restore, as `src/observe/restore.rs` does.
    pub fn restore(&self) -> RestoreSeen {
        let group = self.group();
        let children = Children(self.children.clone());
        for (entry, course) in
            [(STOP_RECORD, ordered_to_stop(&children, &group)), (RECORD, Course::recorded(&children, &group))]
        {
            let Some(course) = course else { continue };
            let backup = self.begun(&course);
            if believe(&children, &group, entry, &backup, &self.cluster, &self.volumes).is_none() {
                continue;
            }
            let under_way = entry == RECORD;
            let snapshot = if under_way { self.snapshot.clone() } else { SnapshotSeen::default() };
            let source =
                if under_way && self.lacks_files() { self.source.clone() } else { SourceSeen::default() };
            return RestoreSeen { backup, snapshot, source };
        }
        let status = self.cluster.status.as_ref();
        let served = self.child(Kind::StatefulSet, &group.scope()).is_some()
            || status.is_some_and(|status| status.system_identifier.is_some());
        if served {
            return RestoreSeen { backup: self.in_place(), ..RestoreSeen::default() };
        }
        let bootstrap = &self.cluster.spec.bootstrap;
        let backup = match (&bootstrap.from_backup, &bootstrap.from_cluster) {
            (Some(from), None) => self.named(from),
            (None, Some(from)) => self.several(from),
            _ => self.in_place(),
        };
        let source = match (&bootstrap.point_in_time, &backup) {
            (Some(_), OriginSeen::Found(_) | OriginSeen::Several { .. }) => self.source.clone(),
            (None, OriginSeen::Found(found)) if found.spec.method == BackupMethod::Archive => {
                self.source.clone()
            }
            (None, OriginSeen::Several { backups, .. })
                if backups.iter().any(|backup| backup.spec.method == BackupMethod::Archive) =>
            {
                self.source.clone()
            }
            _ => SourceSeen::default(),
        };
        RestoreSeen { backup, source, ..RestoreSeen::default() }
    }

    /// True while the files that lead to the source's archive are not there.
    fn lacks_files(&self) -> bool {
        let files = self.child(Kind::Secret, &self.name().archive());
        let has = files
            .and_then(|files| files["data"].as_object())
            .is_some_and(|data| data.keys().any(|key| key.starts_with("source-")));
        let children = Children(self.children.clone());
        Course::recorded(&children, &self.group()).is_some_and(|course| course.reads_archive()) && !has
    }

    fn in_place(&self) -> OriginSeen {
        match asked(&self.cluster, &Children(self.children.clone()), &self.volumes) {
            Asked::Backup { name, request: _ } => self.named(&FromBackup { name, namespace: None }),
            Asked::Nothing | Asked::Served | Asked::Half(_) => OriginSeen::NotRead,
        }
    }

    fn begun(&self, course: &Course) -> OriginSeen {
        let same = self.origins.iter().find(|backup| backup.metadata.uid.as_ref() == Some(&course.key));
        same.map_or(OriginSeen::Missing { available: Vec::new() }, |found| {
            OriginSeen::Found(Box::new(found.clone()))
        })
    }

    fn named(&self, from: &FromBackup) -> OriginSeen {
        let namespace = from.namespace.clone().unwrap_or(self.name().namespace);
        let mut there =
            self.origins.iter().filter(|backup| backup.metadata.namespace.as_ref() == Some(&namespace));
        let names = there.clone().filter_map(|backup| backup.metadata.name.clone()).collect();
        match there.find(|backup| backup.metadata.name.as_ref() == Some(&from.name)) {
            Some(found) => OriginSeen::Found(Box::new(found.clone())),
            None => OriginSeen::Missing { available: names },
        }
    }

    fn several(&self, from: &FromCluster) -> OriginSeen {
        let namespace = from.namespace.clone().unwrap_or(self.name().namespace);
        let there =
            self.origins.iter().filter(|backup| backup.metadata.namespace.as_ref() == Some(&namespace));
        let clusters: BTreeSet<String> = there.clone().map(|backup| backup.spec.cluster.clone()).collect();
        let backups = there.filter(|backup| backup.spec.cluster == from.name).cloned().collect();
        OriginSeen::Several { backups, clusters: clusters.into_iter().collect() }
    }

    /// From now on, backups are of a cluster with an archive in a bucket, which holds WAL up to this time.
    pub fn archive_until(&mut self, until: Timestamp) {
        let spec = json!({
            "engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": {"gcs": {"bucket": "wal"}}},
        });
        self.source_spec = spec.to_string();
        self.source = SourceSeen {
            secrets: [("archive-passphrase".to_owned(), SecretText::new("hush"))].into(),
            archived_until: Some(until),
            pruner: Some(Pruner { cluster_uid: "uid-of-books".into(), days: None }),
            left_at: None,
            lost_at: None,
        };
    }

    /// What is restored, by the record and by the status.
    pub fn show_base(&self) -> String {
        let map = self.child(Kind::ConfigMap, &self.group().patroni());
        let text = map.and_then(|map| map["data"]["restore.json"].as_str());
        let course: Option<Course> = text.and_then(|text| serde_json::from_str(text).ok());
        let mut shown = match course {
            None => "  no record\n".to_owned(),
            Some(course) => {
                let clones = course.clones(self.cluster.spec.instances);
                let mut shown = format!("  the record says {}: {clones} members are clones\n", course.backup);
                if let Some(copy) = &course.copy {
                    shown.push_str(&format!("  copy {} of {}\n", copy.label, copy.stanza));
                }
                for (name, value) in &course.recovery {
                    shown.push_str(&format!("  {name} = {value}\n"));
                }
                shown
            }
        };
        let told = self.cluster.status.as_ref().and_then(|status| status.restore.as_ref());
        if let Some(told) = told {
            let why = told.chosen.as_deref().unwrap_or("named");
            shown.push_str(&format!("  the status says {}: {why}\n", told.backup));
            if let Some(ReachedPoint { at, lsn, wal }) = &told.reached {
                let at = at.as_ref().map_or_else(|| "an unknown time".to_owned(), |at| at.0.to_string());
                shown.push_str(&format!("  WAL was replayed up to {lsn} ({wal}), of {at}\n"));
            }
        }
        shown
    }

    /// A snapshot becomes known.
    pub fn import(&mut self, handle: &str, content: &Value) {
        assert_eq!(content["spec"]["source"]["snapshotHandle"], handle);
        assert_eq!(content["spec"]["deletionPolicy"], "Retain", "the snapshot belongs to the backup");
        let made = |number: u64| Some(format!("uid-{number}"));
        (self.snapshot.snapshot, self.snapshot.content) = (made(self.next()), made(self.next()));
    }

    /// A claim with a source. One that is there is left alone.
    pub fn clone_volume(&mut self, claim: &str, body: &Value) {
        assert!(body["metadata"]["ownerReferences"].is_null(), "a volume outlives its cluster");
        let size = body["spec"]["resources"]["requests"]["storage"].as_str().and_then(quantity_bytes);
        let uid = format!("uid-{}", self.next());
        let note = |key: &str| body["metadata"]["annotations"][key].as_str().map(str::to_owned);
        let volume = VolumeSeen {
            uid,
            requested: size.expect("a size"),
            // An empty one is there at once; a clone when its snapshot is known.
            volume: body["spec"]["dataSource"].is_null().then(|| format!("pv-for-{claim}")),
            restored_from: note("stylobate.dev/restored-from"),
            restored_for: note("stylobate.dev/restored-for"),
            wish: note("stylobate.dev/restored-by"),
            request: note("stylobate.dev/restore-request"),
            ..VolumeSeen::default()
        };
        self.volumes.entry(claim.to_owned()).or_insert(volume);
    }

    /// The claim of a member, as its set names it.
    pub fn claim_of(&self, pod: &str) -> Option<String> {
        self.group().ordinal(pod)?;
        let set = self.child(Kind::StatefulSet, &self.group().scope())?;
        let template = set.pointer("/spec/volumeClaimTemplates/0/metadata/name")?.as_str()?;
        let mounts = set.pointer("/spec/template/spec/containers/0/volumeMounts")?.as_array()?;
        assert!(mounts.iter().any(|mount| mount["name"] == template), "the data volume is mounted");
        Some(format!("{template}-{pod}"))
    }

    /// What Patroni knows of a group goes. Whoever starts next starts on what its volume has.
    pub fn clear_patroni(&mut self) {
        assert!(self.members.is_empty(), "a member still runs: {:?}", self.members.keys());
        assert!(self.child(Kind::StatefulSet, &self.group().scope()).is_none(), "a set could start members");
        (self.config, self.claim, self.newest) = (None, None, None);
        self.data.clear();
        self.database.roles.clear();
        self.database.databases.clear();
    }

    /// The claim of a pod that has no volume yet.
    pub fn unbound(&self, pod: &str) -> Option<String> {
        let claim = self.claim_of(pod)?;
        let bound = self.volumes.get(&claim).is_some_and(|volume| volume.volume.is_some());
        (!bound).then(|| format!("a volume for {claim}"))
    }

    /// The first member starts on its clone: roles and databases of the source are there, and a timeline of its own begins.
    pub fn take_up_clone(&mut self, patroni: &Value) {
        let own: Vec<VolumeSeen> =
            self.pods.keys().filter_map(|pod| self.volumes.get(&self.claim_of(pod)?).cloned()).collect();
        // What was settled once is data in service.
        let is_clone = |volume: &&VolumeSeen| volume.restored_from.is_some() && !volume.settled;
        let cloned = own.iter().any(|volume| is_clone(&volume));
        assert_eq!(
            patroni["bootstrap"]["method"] == "clone",
            cloned,
            "clones are taken up, and nothing else"
        );
        if !cloned {
            return;
        }
        let course =
            Course::recorded(&Children(self.children.clone()), &self.group()).expect("it is recorded");
        let clones = own.iter().filter(is_clone).count();
        let wanted = usize::try_from(course.clones(self.cluster.spec.instances)).expect("a count");
        assert!(clones >= wanted.min(own.len()), "no member begins empty that has to be a clone");
        if course.copy.is_some() {
            assert!(!self.lacks_files(), "the copy can't be fetched without them");
        }
        assert_eq!(patroni["bootstrap"]["clone"]["recovery_conf"]["recovery_target_action"], "promote");
        let role = RoleSeen {
            login: true,
            verifier: Some(SecretText::new("SCRAM-SHA-256$of-the-source")),
            ..RoleSeen::default()
        };
        for name in ["app", "auditor"] {
            self.database.roles.insert(name.into(), role.clone());
        }
        let bank = DatabaseFacts { restricted: true, ..super::sql::fresh("app") };
        self.database.databases.insert("bank".into(), bank);
        self.timeline = 4;
        let end = || ReachedPoint {
            at: self.source.archived_until.map(Time),
            lsn: "0/5000060".into(),
            wal: "000000030000000000000005".into(),
        };
        self.database.ended = course.reads_archive().then(end);
    }
}

/// Lays one JSON object over another.
fn lay(below: &mut Value, above: &Value) {
    match above.as_object() {
        Some(fields) => {
            for (key, value) in fields {
                lay(&mut below[key], value);
            }
        }
        None => *below = above.clone(),
    }
}
