//! The moments that can be brought back, and why they are fewer than was promised. A window never shrinks without a reason.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{ArchiveStatus, ArchiveWindow, BackupPhase};
use crate::archive::{ArchiveTarget, Base, keep};
use crate::observe::Observed;
use crate::plan::bases;
use crate::target::Target;

/// The window as it is now; what was told while backups are not known. `lost` is when WAL was lost last.
pub fn window(
    before: Option<&ArchiveStatus>,
    (archive, target, seen): (&ArchiveTarget, &Target, &Observed),
    lost: Option<Timestamp>,
    now: Timestamp,
) -> Option<ArchiveWindow> {
    let told = before.and_then(|before| before.window.as_ref());
    if seen.backups.is_none() {
        return told.cloned();
    }
    let all = bases(target, seen);
    let days = archive.retention_days;
    let plain: Vec<Base> = all.iter().map(|(_, base)| base.clone()).collect();
    let kept = keep(&plain, days, target.serving(), now);
    let covered = |base: &Base| kept.as_ref().is_some_and(|kept| kept.covers(base));
    let after = |base: &Base| lost.is_none_or(|lost| base.cut_at > lost);
    let usable = all.iter().filter(|(_, base)| !base.refuted && covered(base) && after(base));
    let first = usable.min_by_key(|(name, base)| (base.cut_at, *name));
    let from = first.map(|(_, base)| base.cut_at);
    let since = days.and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok());
    let whole = from.zip(since).is_some_and(|(from, since)| from <= since);
    let reason = if whole { None } else { reason(told, from, (days, lost), seen) };
    Some(ArchiveWindow { from: from.map(Time), backup: first.map(|(name, _)| (*name).clone()), reason })
}

/// Why the window is not as long as was promised, or as it was.
fn reason(
    told: Option<&ArchiveWindow>,
    from: Option<Timestamp>,
    (days, lost): (Option<i32>, Option<Timestamp>),
    seen: &Observed,
) -> Option<String> {
    let then = told.and_then(|told| Some((told.from.as_ref()?.0, told.backup.as_ref()?)));
    if let Some((then, backup)) = then.filter(|(then, _)| from.is_none_or(|from| from > *then)) {
        return Some(what_became_of(backup, then, lost, seen));
    }
    let (Some(from), same) = (from, told.and_then(|told| told.from.as_ref()).map(|at| at.0) == from) else {
        let name = seen.name();
        let (cluster, namespace) = (&name.name, &name.namespace);
        let make = format!("make one: stylobate backup {cluster} -n {namespace}");
        return Some(match (told.and_then(|told| told.reason.clone()), lost) {
            (Some(reason), _) => reason,
            (None, Some(lost)) => format!("WAL was lost at {lost:.0}, and no backup was made since; {make}"),
            (None, None) => format!("no good backup was made since WAL is archived; {make}"),
        });
    };
    if same && let Some(reason) = told.and_then(|told| told.reason.clone()) {
        return Some(reason);
    }
    let why = match lost {
        Some(lost) => format!("WAL was lost at {lost:.0}, and it begins with the first backup after that"),
        // As far back as there are backups was promised.
        None if days.is_none() => return None,
        None => "no older backup leads to today's archive".into(),
    };
    let grows = days.and_then(|days| {
        let end = from.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()?;
        Some(format!("; it grows to {days} days by {end:.0}"))
    });
    Some(why + &grows.unwrap_or_default())
}

/// What became of the backup that the window began with, in words.
fn what_became_of(name: &String, cut: Timestamp, lost: Option<Timestamp>, seen: &Observed) -> String {
    let lost = lost.filter(|lost| *lost >= cut);
    let backup = seen.backups.iter().flatten().find(|(other, _)| *other == name).map(|(_, backup)| backup);
    let began = format!("backup {name}, cut {cut:.0}, with which it began,");
    match (backup, lost) {
        (_, Some(lost)) => {
            format!(
                "WAL was lost at {lost:.0}, so that moments from then to the next backup can't be brought back"
            )
        }
        (None, _) => format!("{began} was deleted"),
        (Some(backup), _) if backup.deleting => format!("{began} is being deleted"),
        (Some(backup), _) if backup.status.phase == BackupPhase::Lost => format!("{began} is lost"),
        (Some(backup), _) if backup.status.refuted().is_some() => format!("{began} failed its drill"),
        (Some(_), _) => format!("the WAL after {began} is not kept any more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DrillReport;
    use crate::fixture::{backup, observed, put_pods, start, target};
    use crate::observe::{ArchiveSeen, BackupSeen, DatabaseSeen};
    use crate::status::archive::status;
    use serde_json::json;

    fn ago(days: i64) -> Timestamp {
        start() - SignedDuration::from_hours(24 * days)
    }

    /// Backups of so many days ago, named by them; WAL goes on by one folder a day.
    fn world(days: &[i64], retention: Option<i32>) -> Observed {
        let archive = json!({"gcs": {"bucket": "wal"}, "retentionDays": retention});
        let mut seen = observed(json!({"backup": {"archive": archive}}));
        put_pods(&mut seen);
        seen.database =
            Some(DatabaseSeen { archive: Some(ArchiveSeen::default()), ..DatabaseSeen::default() });
        seen.backups = Some(days.iter().map(|day| (format!("d{day}"), base(*day))).collect());
        seen
    }

    fn base(day: i64) -> BackupSeen {
        let mut seen = backup(ago(day));
        seen.status.source = serde_json::from_value(json!({
            "clusterUid": "u-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": "",
        }))
        .unwrap();
        seen.status.groups = serde_json::from_value(json!([{
            "group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
            "checkpointLsn": format!("{:X}/28", 1000 - day),
        }]))
        .unwrap();
        seen
    }

    /// What is told after what was told.
    fn told(before: Option<&ArchiveStatus>, seen: &Observed) -> (ArchiveStatus, ArchiveWindow) {
        let status = status(before, seen, Some(&target(seen)), start()).unwrap();
        let window = status.window.clone().unwrap();
        (status, window)
    }

    fn gap(seen: &mut Observed, at: Option<Timestamp>) {
        seen.database.as_mut().unwrap().archive.as_mut().unwrap().given_up_at = at;
    }

    #[test]
    fn a_window_as_long_as_promised_begins_with_the_base_before_it_and_needs_no_reason() {
        let (_, window) = told(None, &world(&[20, 9, 8, 1], Some(7)));
        assert_eq!((window.from.unwrap().0, window.backup.as_deref()), (ago(8), Some("d8")));
        assert_eq!(window.reason, None);
        let (_, window) = told(None, &world(&[20, 1], None));
        assert_eq!((window.from.unwrap().0, window.reason), (ago(20), None));
    }

    #[test]
    fn one_that_grows_says_when_it_is_whole_and_says_the_same_every_round() {
        let seen = world(&[3, 1], Some(7));
        let (status, window) = told(None, &seen);
        assert_eq!(window.from.as_ref().unwrap().0, ago(3));
        assert!(
            window.reason.as_ref().unwrap().contains("grows to 7 days by 2026-11-25"),
            "{:?}",
            window.reason
        );
        assert_eq!(told(Some(&status), &seen).1, window);
        let (_, none) = told(None, &world(&[], Some(7)));
        assert!(none.from.is_none() && none.reason.unwrap().contains("make one: stylobate backup c -n shop"));
    }

    #[test]
    fn one_that_shrinks_says_what_became_of_its_base_until_it_is_whole_again() {
        let report: DrillReport =
            serde_json::from_value(json!({"cluster": "d", "outcome": "Failed", "startedAt": start()}))
                .unwrap();
        type Spoil<'a> = &'a dyn Fn(&mut Observed);
        let spoils: [(Spoil, &str); 4] = [
            (&|seen| drop(seen.backups.as_mut().unwrap().remove("d8")), "was deleted"),
            (&|seen| of(seen).deleting = true, "is being deleted"),
            (&|seen| of(seen).status.phase = BackupPhase::Lost, "is lost"),
            (&|seen| of(seen).status.drill = Some(report.clone()), "failed its drill"),
        ];
        fn of(seen: &mut Observed) -> &mut BackupSeen {
            seen.backups.as_mut().unwrap().get_mut("d8").unwrap()
        }
        for (spoil, word) in spoils {
            let mut seen = world(&[8, 5, 1], Some(7));
            let (before, whole) = told(None, &seen);
            assert_eq!(whole.reason, None);
            spoil(&mut seen);
            let (after, window) = told(Some(&before), &seen);
            assert_eq!(window.from.as_ref().unwrap().0, ago(5), "{word}");
            let why = window.reason.clone().unwrap();
            assert!(
                why.starts_with("backup d8, cut 2026-11-13T12:00:00Z, with which it began,")
                    && why.ends_with(word),
                "{why}"
            );
            assert_eq!(told(Some(&after), &seen).1, window, "it stays");
            seen.backups.as_mut().unwrap().insert("d9".into(), base(9));
            assert_eq!(told(Some(&after), &seen).1.reason, None);
        }
    }

    #[test]
    fn lost_wal_is_remembered_when_writes_move_to_a_member_that_has_no_note_of_it() {
        let mut seen = world(&[8, 5], Some(7));
        let (before, _) = told(None, &seen);
        gap(&mut seen, Some(ago(2)));
        let (noted, window) = told(Some(&before), &seen);
        assert_eq!(noted.lost_at.as_ref().unwrap().0, ago(2));
        assert!(
            window.from.is_none()
                && window.reason.unwrap().starts_with("WAL was lost at 2026-11-19T12:00:00Z")
        );
        // A failover.
        gap(&mut seen, None);
        let (moved, _) = told(Some(&noted), &seen);
        assert_eq!(moved.lost_at, noted.lost_at);
        let (fine, why, _) =
            super::super::archive::archiving(&seen, Some(&target(&seen)), Some(&moved), start()).unwrap();
        assert_eq!((fine, why), (false, crate::status::reason::ARCHIVE_GAP));
        seen.backups.as_mut().unwrap().insert("d1".into(), base(1));
        let (healed, window) = told(Some(&moved), &seen);
        assert_eq!(window.from.unwrap().0, ago(1));
        let healthy =
            super::super::archive::archiving(&seen, Some(&target(&seen)), Some(&healed), start()).unwrap();
        assert!(healthy.0, "a newer backup ends the trouble: {}", healthy.2);
        assert!(window.reason.unwrap().starts_with("WAL was lost at"), "the window is short still");
        seen.backups.as_mut().unwrap().retain(|name, _| name == "d1");
        assert_eq!(told(Some(&healed), &seen).0.lost_at, None, "nothing is left from before it");
    }
}
