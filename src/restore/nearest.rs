//! Which backup of a cluster a restore begins with, when a person names the cluster and the moment. Pure: the same backups and the
//! same moment give the same one. Why by these rules: `docs/decisions/0020-nearest-backup.md`.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::api::{
    BackupMethod, BackupPhase, FromCluster, PointInTime, PostgresBackup, PostgresCluster, RestorePhase,
    RestoreStatus,
};
use crate::archive::position;

/// What is to be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A backup's own moment: the newest.
    Newest,
    /// What was committed up to this moment.
    Time(Timestamp),
    /// What was written up to this position of WAL, in bytes.
    Lsn(u64),
    /// What was written up to a restore point. Only the WAL tells where it is.
    Name,
    /// All that was archived.
    Latest,
}

impl Wanted {
    /// As the spec says it; none when its point can't be read.
    pub fn read(point: Option<&PointInTime>) -> Option<Self> {
        let Some(point) = point else { return Some(Self::Newest) };
        match (&point.target_time, &point.target_lsn, &point.target_name, point.target_latest) {
            (Some(text), None, None, None) => text.parse().ok().map(Self::Time),
            (None, Some(text), None, None) => position(text).map(Self::Lsn),
            (None, None, Some(_), None) => Some(Self::Name),
            (None, None, None, Some(true)) => Some(Self::Latest),
            _ => None,
        }
    }

    /// Why a backup of this cluster (`namespace/name`) was chosen, in words.
    pub fn words(&self, cluster: &str) -> String {
        match self {
            Self::Newest | Self::Name => format!("the newest of cluster {cluster}"),
            Self::Latest => format!("the newest of cluster {cluster}, for all that was archived"),
            Self::Time(at) => format!("the newest of cluster {cluster} that was cut before {at}"),
            Self::Lsn(at) => {
                let (high, low) = (at >> 32, at & u64::from(u32::MAX));
                format!("the newest of cluster {cluster} that was cut at or before {high:X}/{low:X}")
            }
        }
    }
}

/// A backup that a restore can begin with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// The backup.
    pub backup: &'a PostgresBackup,
    /// When it was cut.
    pub cut_at: Timestamp,
    /// Where in WAL it was cut; none of a backup that does not tell.
    pub cut: Option<Cut<'a>>,
    /// How it was made. Of two that are as near, the one that needs nothing fetched is taken: snapshots.
    pub method: BackupMethod,
    /// A drill of it failed, and none passed since.
    pub refuted: bool,
}

/// Where in WAL a backup was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// The data that it is of.
    pub line: Line<'a>,
    /// Timeline.
    pub timeline: i64,
    /// Position in bytes.
    pub lsn: u64,
}

/// Data that goes on under one count of positions: those of two lines can't be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line<'a> {
    /// The part of the archive that has its WAL.
    pub part: Part<'a>,
    /// Another one after a major upgrade.
    pub system_identifier: &'a str,
}

/// What has a part of the archive of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part<'a> {
    /// UID: another one for a cluster that was made again under the same name.
    pub cluster_uid: &'a str,
    /// The volume's claim without the member's number: the volumes that the cluster was on.
    pub volumes: &'a str,
}

/// The part of the archive that goes with a backup; none of one that does not tell.
pub fn part(backup: &PostgresBackup) -> Option<Part<'_>> {
    let status = backup.status.as_ref()?;
    let claim = &status.groups.first()?.claim;
    let volumes = claim.rsplit_once('-').map_or(claim.as_str(), |(volumes, _)| volumes);
    Some(Part { cluster_uid: &status.source.as_ref()?.cluster_uid, volumes })
}

impl<'a> Candidate<'a> {
    fn of(backup: &'a PostgresBackup) -> Option<Self> {
        let status = backup.status.as_ref()?;
        let good = status.phase == BackupPhase::Succeeded && !goes(backup);
        let cut = || {
            let group = status.groups.first()?;
            let line = Line { part: part(backup)?, system_identifier: &group.system_identifier };
            Some(Cut { line, timeline: group.timeline, lsn: position(group.cut_lsn.as_deref()?)? })
        };
        let method = backup.spec.method;
        let refuted = status.refuted().is_some();
        good.then_some(Self { backup, cut_at: status.cut_at.as_ref()?.0, cut: cut(), method, refuted })
    }
}

/// What the spec of a cluster asks of the backups of another one, and what it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'a> {
    /// What is to be brought back; none when its point can't be read.
    pub wanted: Option<Wanted>,
    /// Why the backup was chosen, in words.
    pub why: String,
    /// The backup; the newest where the point can't be read, none where none reaches it.
    pub base: Option<Candidate<'a>>,
}

/// Backups of one cluster that a restore can begin with, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates<'a>(Vec<Candidate<'a>>);

impl<'a> Candidates<'a> {
    /// Those that a cluster in namespace `own` may have: good ones, from another namespace only what is shared with this one.
    pub fn of(backups: &'a [PostgresBackup], own: &str) -> Self {
        let mut all: Vec<Candidate> =
            backups.iter().filter(|backup| may_have(backup, own)).filter_map(Candidate::of).collect();
        all.sort_by_key(|one| (Reverse(one.cut_at), one.method, one.backup.metadata.uid.as_deref()));
        Self(all)
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.0.iter()
    }

    /// The newest.
    pub fn newest(&self) -> Option<&Candidate<'a>> {
        self.0.first()
    }

    /// The newest that the wanted moment can be reached from; none when all were cut after it. One whose drill failed only where
    /// no other reaches it: from an older one WAL leads to the same moment.
    ///
    /// A position counts on the newest data alone: that of other data may be the same number.
    pub fn choose(&self, wanted: &Wanted) -> Option<&Candidate<'a>> {
        self.choose_of(wanted, |one| !one.refuted).or_else(|| self.choose_of(wanted, |_| true))
    }

    fn choose_of(&self, wanted: &Wanted, of: impl Fn(&Candidate) -> bool) -> Option<&Candidate<'a>> {
        let mut all = self.iter().filter(|one| of(one));
        match wanted {
            Wanted::Newest => all.next(),
            Wanted::Name | Wanted::Latest => all.find(|one| self.leads_on(one)),
            Wanted::Time(at) => all.find(|one| one.cut_at < *at && self.leads_on(one)),
            Wanted::Lsn(at) => {
                let line = self.line()?;
                let cut = |one: &&Candidate<'a>| one.cut.filter(|cut| cut.line == line && cut.lsn <= *at);
                all.filter(|one| cut(one).is_some() && self.leads_on(one))
                    .max_by_key(|one| (cut(one).map(|cut| cut.lsn), Reverse(one.method)))
            }
        }
    }

    /// As [`Self::choose`]; but what the status tells of a restore that has begun by the same wish (`why`) stays, while it can be had,
    /// whatever came since.
    pub fn stay(&self, wanted: &Wanted, why: &str, told: Option<&RestoreStatus>) -> Option<&Candidate<'a>> {
        let told =
            told.filter(|told| told.chosen.as_deref() == Some(why) && told.phase != RestorePhase::Done);
        let uid = told.map(|told| &told.backup_uid);
        let same = |one: &&Candidate| uid.is_some() && one.backup.metadata.uid.as_ref() == uid;
        self.iter().find(same).or_else(|| self.choose(wanted))
    }

    /// The choice for a cluster in namespace `own` whose spec begins with these backups. What its status tells of a restore that has
    /// begun counts.
    pub fn choice(&self, cluster: &PostgresCluster, from: &FromCluster, own: &str) -> Choice<'a> {
        let wanted = Wanted::read(cluster.spec.bootstrap.point_in_time.as_ref());
        let source = format!("{}/{}", from.namespace.as_deref().unwrap_or(own), from.name);
        let why = wanted.as_ref().unwrap_or(&Wanted::Newest).words(&source);
        let told = cluster.status.as_ref().and_then(|status| status.restore.as_ref());
        let base = match &wanted {
            None => self.newest(),
            Some(wanted) => self.stay(wanted, &why, told),
        };
        Choice { base: base.copied(), wanted, why }
    }

    /// The newest data.
    pub fn line(&self) -> Option<Line<'a>> {
        self.iter().find_map(|one| one.cut).map(|cut| cut.line)
    }

    /// False for a backup that is known to be of a branch of WAL that a failover left: a later backup of the same data is on
    /// another timeline and has less WAL, so that timeline began before this backup's cut. Recovery follows the newest
    /// timeline and would end at once.
    pub fn leads_on(&self, one: &Candidate) -> bool {
        let Some(cut) = one.cut else { return true };
        let left = |later: &Candidate| {
            later.cut_at > one.cut_at
                && later.cut.is_some_and(|after| {
                    after.line == cut.line && after.timeline > cut.timeline && after.lsn < cut.lsn
                })
        };
        !self.iter().any(left)
    }
}

/// True of a backup that is being deleted, and may be gone before a restore has read it. One under legal hold stays until that is lifted.
pub fn goes(backup: &PostgresBackup) -> bool {
    backup.metadata.deletion_timestamp.is_some() && !backup.spec.hold
}

/// True when a cluster in namespace `own` may begin with it.
pub fn may_have(backup: &PostgresBackup, own: &str) -> bool {
    backup.metadata.namespace.as_deref() == Some(own)
        || backup.spec.share_with.iter().any(|other| other == own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A backup of `shop/c`: its UID, the minute of its cut after 10:00, and where in WAL: data, timeline, position.
    fn cut(uid: &str, minute: u32, (data, timeline, lsn): (&str, i64, &str)) -> PostgresBackup {
        let source = json!({
            "clusterUid": format!("uid-{data}"), "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi",
            "settings": {}, "clusterSpec": "{}",
        });
        let group = json!({
            "group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": data, "timeline": timeline,
            "cutLsn": lsn,
        });
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": uid, "namespace": "shop", "uid": uid}, "spec": {"cluster": "c"},
            "status": {
                "phase": "Succeeded", "cutAt": format!("2026-11-21T10:{minute:02}:00Z"), "source": source, "groups": [group],
            },
        }))
        .unwrap()
    }

    fn chosen(backups: &[PostgresBackup], wanted: &Wanted) -> Option<String> {
        let candidates = Candidates::of(backups, "shop");
        candidates.choose(wanted).and_then(|one| one.backup.metadata.uid.clone())
    }

    fn at(minute: u32) -> Wanted {
        Wanted::Time(format!("2026-11-21T10:{minute:02}:30Z").parse().unwrap())
    }

    fn lsn(text: &str) -> Wanted {
        Wanted::Lsn(position(text).unwrap())
    }

    #[test]
    fn the_last_one_before_the_moment_is_taken_and_none_when_all_are_later() {
        let all = [cut("a", 10, ("1", 1, "0/10")), cut("b", 20, ("1", 1, "0/20"))];
        assert_eq!(chosen(&all, &at(15)).as_deref(), Some("a"));
        assert_eq!(chosen(&all, &at(20)).as_deref(), Some("b"));
        assert_eq!(chosen(&all, &at(5)), None);
        let moment_of_cut = Wanted::Time("2026-11-21T10:10:00Z".parse().unwrap());
        assert_eq!(
            chosen(&all, &moment_of_cut),
            None,
            "what was committed in that moment is in no order to the cut"
        );
        assert_eq!(chosen(&all, &Wanted::Newest).as_deref(), Some("b"));
        assert_eq!(chosen(&all, &Wanted::Name).as_deref(), Some("b"));
        assert_eq!(chosen(&all, &Wanted::Latest).as_deref(), Some("b"));
    }

    #[test]
    fn the_nearer_one_wins_however_it_was_made_and_snapshots_win_a_tie() {
        let copy = |uid: &str, minute: u32, place| {
            let mut backup = cut(uid, minute, place);
            backup.spec.method = BackupMethod::Archive;
            backup
        };
        let (early, late) = (("1", 1, "0/10"), ("1", 1, "0/20"));
        let nearer = [cut("snapshot", 10, early), copy("copy", 20, late)];
        assert_eq!(chosen(&nearer, &at(25)).as_deref(), Some("copy"));
        assert_eq!(chosen(&nearer, &lsn("0/20")).as_deref(), Some("copy"));
        assert_eq!(chosen(&nearer, &at(15)).as_deref(), Some("snapshot"));
        for tie in [[copy("a", 10, early), cut("b", 10, early)], [cut("b", 10, early), copy("c", 10, early)]]
        {
            assert_eq!(chosen(&tie, &at(15)).as_deref(), Some("b"));
            assert_eq!(chosen(&tie, &lsn("0/10")).as_deref(), Some("b"));
        }
    }

    #[test]
    fn a_position_counts_on_the_newest_data_alone() {
        let all = [
            cut("old", 10, ("1", 1, "0/10")),
            cut("a", 20, ("2", 1, "0/30")),
            cut("b", 30, ("2", 2, "0/50")),
        ];
        assert_eq!(chosen(&all, &lsn("0/30")).as_deref(), Some("a"), "all up to its own position is in it");
        assert_eq!(
            chosen(&all, &lsn("0/4F")).as_deref(),
            Some("a"),
            "the newer timeline came out of this one"
        );
        assert_eq!(chosen(&all, &lsn("1/0")).as_deref(), Some("b"));
        assert_eq!(chosen(&all, &lsn("0/20")), None, "which data is meant can't be known");
    }

    #[test]
    fn a_branch_that_a_failover_left_is_no_base() {
        // A was cut of a primary that had lost its claim: timeline 2 began before 0/40.
        let all = [
            cut("first", 5, ("1", 1, "0/10")),
            cut("a", 10, ("1", 1, "0/40")),
            cut("b", 20, ("1", 2, "0/30")),
        ];
        assert_eq!(chosen(&all, &at(15)).as_deref(), Some("first"));
        assert_eq!(chosen(&all, &lsn("0/41")).as_deref(), Some("b"));
        assert_eq!(chosen(&all[..2], &at(15)).as_deref(), Some("a"), "nothing tells that it was left");
        assert_eq!(chosen(&all, &Wanted::Latest).as_deref(), Some("b"));
        let moved = [all[1].clone(), cut("b", 20, ("2", 2, "0/30"))];
        assert_eq!(
            chosen(&moved, &at(15)).as_deref(),
            Some("a"),
            "positions of other data say nothing of it"
        );
    }

    #[test]
    fn what_was_told_of_the_same_wish_stays_whatever_came_since() {
        let all = [cut("a", 10, ("1", 1, "0/10")), cut("b", 20, ("1", 1, "0/20"))];
        let candidates = Candidates::of(&all, "shop");
        let why = Wanted::Newest.words("shop/c");
        let stays = |phase, wanted: &Wanted, why: &str, uid: &str| {
            let told = RestoreStatus {
                backup_uid: uid.into(),
                chosen: Some(Wanted::Newest.words("shop/c")),
                phase,
                ..RestoreStatus::default()
            };
            candidates.stay(wanted, why, Some(&told)).and_then(|one| one.backup.metadata.uid.clone())
        };
        let begun = RestorePhase::Cloning;
        assert_eq!(stays(begun, &Wanted::Newest, &why, "a").as_deref(), Some("a"));
        assert_eq!(
            stays(begun, &Wanted::Newest, &why, "gone").as_deref(),
            Some("b"),
            "nothing is made of it yet"
        );
        assert_eq!(stays(begun, &at(25), &at(25).words("shop/c"), "a").as_deref(), Some("b"), "another wish");
        assert_eq!(stays(RestorePhase::Done, &Wanted::Newest, &why, "a").as_deref(), Some("b"));
    }

    #[test]
    fn what_failed_its_drill_is_begun_with_only_where_nothing_better_reaches_the_moment() {
        let failed = json!({"cluster": "d", "outcome": "Failed", "startedAt": "2026-11-21T12:00:00Z"});
        let mut all = [cut("a", 10, ("1", 1, "0/10")), cut("b", 20, ("1", 1, "0/20"))];
        all[1].status.as_mut().unwrap().drill = serde_json::from_value(failed.clone()).unwrap();
        for wanted in [Wanted::Newest, Wanted::Name, Wanted::Latest, at(25), lsn("0/21")] {
            assert_eq!(chosen(&all, &wanted).as_deref(), Some("a"), "{wanted:?}");
        }
        all[0].status.as_mut().unwrap().drill = serde_json::from_value(failed).unwrap();
        for wanted in [Wanted::Newest, Wanted::Name, Wanted::Latest, at(25), lsn("0/21")] {
            assert_eq!(chosen(&all, &wanted).as_deref(), Some("b"), "{wanted:?}");
        }
    }

    #[test]
    fn what_is_not_good_goes_or_is_not_shared_is_no_candidate() {
        let good = cut("good", 10, ("1", 1, "0/10"));
        let mut lost = cut("lost", 20, ("1", 1, "0/20"));
        lost.status.as_mut().unwrap().phase = BackupPhase::Lost;
        let mut going = cut("going", 30, ("1", 1, "0/30"));
        going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            "2026-11-21T11:00:00Z".parse().unwrap(),
        ));
        let mut held = [good.clone(), lost.clone(), going.clone()];
        held[2].spec.hold = true;
        assert_eq!(chosen(&held, &Wanted::Newest).as_deref(), Some("going"), "the hold keeps it");
        let all = [good, lost, going];
        assert_eq!(chosen(&all, &Wanted::Newest).as_deref(), Some("good"));
        assert_eq!(Candidates::of(&all, "elsewhere").newest(), None);
        let mut shared = all.to_vec();
        shared[0].spec.share_with = vec!["elsewhere".into()];
        assert!(Candidates::of(&shared, "elsewhere").newest().is_some());
    }
}
