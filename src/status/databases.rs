//! Whether users, databases and extensions can be kept as the spec says, and rights that somebody had beyond it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::observe::{Leadership, Observed};
use crate::plan::{access, rights_told};
use crate::target::Target;

use super::conditions::{Finding, good, kind, reason};

/// Databases, roles and rights that are told one by one: a message has its limits.
const MOST_TOLD: usize = 10;
/// How long it is told that rights were taken back: somebody has to look at it, if only after the weekend.
const RIGHTS_TOLD: SignedDuration = SignedDuration::from_hours(72);
/// How often it is written down that they are seen still: the status is no clock.
const SEEN_ANEW: SignedDuration = SignedDuration::from_hours(1);

/// Whether anything of the databases could not be looked at or can't be done. What was not looked at is not as it should be.
pub fn databases(seen: &Observed, target: &Target, now: Timestamp) -> Finding {
    let Some(found) = &seen.database else { return unread(seen, "users and databases") };
    let troubles = access(target, seen, found, now).troubles;
    let told = troubles.iter().map(|trouble| format!("{}: {}", trouble.what, trouble.why));
    match listed(told, troubles.len()) {
        None => good("nothing keeps users, databases and extensions from being as the spec says"),
        Some(text) => (false, reason::DATABASE_TROUBLE, text),
    }
}

/// Nobody could look at `what`, in the plural, and why.
pub(super) fn unread(seen: &Observed, what: &str) -> Finding {
    match &seen.database_unread {
        Some(cause) => (false, reason::NOT_LOOKED_AT, format!("{what} could not be looked at: {cause}")),
        None => {
            let who = match seen.leadership(&seen.name().group(0)) {
                Leadership::Unknown { .. } => "it is not known who takes writes",
                Leadership::Confirmed { .. } | Leadership::None => "no member that runs takes writes",
            };
            (false, reason::IN_PROGRESS, format!("{who}, so {what} can't be looked at yet"))
        }
    }
}

/// When a role was last seen with rights that the spec can't give; none once that is told for long enough. A right that comes again and
/// again, or stays, leaves the condition as it is, so that its time of change tells the first one alone.
pub fn rights_seen_at(seen: &Observed, now: Timestamp) -> Option<Time> {
    let before = seen.cluster.status.as_ref();
    let told = |condition: &&Condition| condition.reason == reason::RIGHTS_TAKEN_BACK;
    // What an older operator told has the condition's time alone.
    let known = before.and_then(|status| {
        let older = || status.conditions.iter().find(told).map(|told| told.last_transition_time.clone());
        status.rights_seen_at.clone().or_else(older)
    });
    let found = seen.database.as_ref().is_some_and(|found| !found.rights.is_empty());
    let counts = if found { SEEN_ANEW } else { RIGHTS_TOLD };
    let known = known.filter(|at| now.duration_since(at.0) < counts);
    known.or_else(|| found.then_some(Time(now)))
}

/// Whether a role has, or had of late (`told`), rights that the spec can't give.
pub fn rights(seen: &Observed, before: &[Condition], told: bool) -> Finding {
    let found = seen.database.as_ref().map(|found| found.rights.as_slice()).unwrap_or_default();
    if let Some(text) = listed(found.iter().map(rights_told), found.len()) {
        let message = format!(
            "{text}. Nothing in the spec gives that, so it is taken back. Look for how it came about, and for what else was done with it: \
             the server's log, functions and rights in its databases. Use no backup of this time before that"
        );
        return (false, reason::RIGHTS_TAKEN_BACK, message);
    }
    let told = before
        .iter()
        .filter(|_| told)
        .find(|condition| condition.type_ == kind::RIGHTS && condition.reason == reason::RIGHTS_TAKEN_BACK);
    match told {
        Some(told) => (false, reason::RIGHTS_TAKEN_BACK, told.message.clone()),
        None => good("no role has rights that the spec can't give"),
    }
}

pub(super) fn listed(all: impl Iterator<Item = String>, count: usize) -> Option<String> {
    let told: Vec<String> = all.take(MOST_TOLD).collect();
    let more = count.saturating_sub(MOST_TOLD);
    match (told.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(told.join("; ")),
        (false, more) => Some(format!("{}; and {more} more", told.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{observed, put_pods, settle, start};
    use crate::observe::{Closed, DatabaseFacts, DatabaseSeen, Right, RightSeen};

    fn told(seen: &mut Observed, kind: &str, now: Timestamp) -> (String, String, String) {
        let decision = crate::decide::decide(&crate::decide::Input { seen, catalog: &[], now });
        let mut cluster = seen.cluster.as_ref().clone();
        cluster.status = Some(decision.status.clone());
        seen.cluster = cluster.into();
        let found = decision.status.conditions.into_iter().find(|condition| condition.type_ == kind).unwrap();
        (found.status, found.reason, found.message)
    }

    fn converged(seen: &mut Observed) -> (String, String, String) {
        told(seen, kind::CONVERGED, start())
    }

    fn rest() -> Observed {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        seen
    }

    #[test]
    fn nothing_is_as_the_spec_says_before_anybody_has_looked() {
        let mut seen = rest();
        let (status, reason, message) = converged(&mut seen);
        assert_eq!((status.as_str(), reason.as_str()), ("False", "InProgress"), "{message}");
        put_pods(&mut seen);
        seen.database_unread = Some("no answer within 3s".into());
        let (status, reason, message) = converged(&mut seen);
        assert_eq!((status.as_str(), reason.as_str()), ("False", "NotLookedAt"));
        assert!(message.ends_with("could not be looked at: no answer within 3s"), "{message}");
    }

    #[test]
    fn a_database_that_nobody_can_enter_is_told_in_the_condition_that_people_wait_for() {
        let spec = json!({"users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}]});
        let mut seen = observed(spec);
        settle(&mut seen, start());
        put_pods(&mut seen);
        let bank = DatabaseFacts {
            owner: "app".into(),
            restricted: true,
            closed: Some(Closed::ByOwner),
            ..DatabaseFacts::default()
        };
        seen.database =
            Some(DatabaseSeen { databases: [("bank".to_owned(), bank)].into(), ..DatabaseSeen::default() });
        let (status, reason, message) = told(&mut seen, kind::DATABASES, start());
        assert_eq!((status.as_str(), reason.as_str()), ("False", "DatabaseTrouble"));
        assert!(message.contains(r#"ALTER DATABASE "bank" ALLOW_CONNECTIONS true"#), "{message}");
        assert_eq!(converged(&mut seen).0, "False");
    }

    #[test]
    fn a_right_is_told_for_three_days_after_it_is_gone() {
        let mut seen = rest();
        put_pods(&mut seen);
        let right = RightSeen { role: "app".into(), oid: 7, right: Right::Superuser };
        let with = Some(DatabaseSeen { rights: vec![right; 12], ..DatabaseSeen::default() });
        seen.database = with.clone();
        let (status, reason, message) = told(&mut seen, kind::RIGHTS, start());
        assert_eq!((status.as_str(), reason.as_str()), ("False", "RightsTakenBack"));
        assert!(message.contains("role app is superuser; and 2 more"), "{message}");
        seen.database = Some(DatabaseSeen::default());
        let later = |hours| start() + SignedDuration::from_hours(hours);
        assert_eq!(told(&mut seen, kind::RIGHTS, later(71)).2, message);
        // It comes again when the first one is nearly forgotten.
        seen.database = with;
        assert_eq!(told(&mut seen, kind::RIGHTS, later(71)).2, message);
        assert_eq!(seen.cluster.status.as_ref().unwrap().rights_seen_at, Some(Time(later(71))));
        seen.database = Some(DatabaseSeen::default());
        assert_eq!(told(&mut seen, kind::RIGHTS, later(142)).2, message);
        assert_eq!(told(&mut seen, kind::RIGHTS, later(144)).0, "True");
        assert_eq!(told(&mut seen, kind::RIGHTS, later(145)).0, "True");
    }
}
