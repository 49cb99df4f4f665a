//! Who takes writes in a group: one rule for all that plan, judge and tell, and evidence in place of a label alone.
//!
//! The label `primary` is written by a pod's own Patroni, so a pod whose node is lost keeps it for as long as its object is there, while
//! another member was promoted long ago. A claim therefore counts only while its pod is ready and does not end, and once it is
//! confirmed: by the member itself, or, where it does not answer us, by Patroni's leader record. What two claim is not known, and then
//! nothing that disrupts is done (`src/policy/known_primary.rs`).

use std::collections::BTreeMap;

use crate::name::{GroupName, ROLE_PRIMARY};

use super::facts::{MemberSeen, Observed, PodSeen};

/// Who takes writes in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership<'a> {
    /// This pod: it is ready, does not end, and it or the leader record says so.
    Confirmed {
        /// Its name.
        pod: &'a str,
    },
    /// Nobody: no claim that could be true.
    None,
    /// More than one claim could be true, or the only one is not confirmed by anybody.
    Unknown {
        /// Pods that claim it, or that the leader record names, in order of name.
        claimants: Vec<&'a str>,
    },
}

/// What is known of one pod that claims the role.
#[derive(Clone, Copy)]
struct Claim<'a> {
    pod: &'a str,
    /// Ready, and not ending.
    live: bool,
    word: Word,
}

/// What a member says of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It is the primary, and runs.
    Leads,
    /// It is the primary, and starts or stops.
    Stands,
    /// It is not.
    Follows,
    /// It does not answer.
    Silent,
}

impl Word {
    fn of(member: Option<&MemberSeen>) -> Self {
        match member {
            None => Word::Silent,
            Some(member) if member.role != ROLE_PRIMARY => Word::Follows,
            Some(member) if member.state == "running" => Word::Leads,
            Some(_) => Word::Stands,
        }
    }
}

impl Observed {
    /// Who takes writes in this group.
    pub fn leadership<'a>(&'a self, group: &GroupName) -> Leadership<'a> {
        let record = self.leaders.get(&group.number).map(|leader| leader.holder.as_str());
        let claims: Vec<Claim> = claims(group, &self.pods, &self.members).collect();
        let confirmed = |claim: &Claim| {
            let by_record = claim.word == Word::Silent && record == Some(claim.pod);
            claim.live && (claim.word == Word::Leads || by_record)
        };
        // By its own word, or by a silence that the record would have to explain.
        let possible = |claim: &Claim| {
            matches!(claim.word, Word::Leads | Word::Stands) || (claim.live && claim.word == Word::Silent)
        };
        let mut sure = claims.iter().filter(|claim| confirmed(claim));
        let unknown = || {
            let mut claimants: Vec<&str> = claims.iter().filter(|c| possible(c)).map(|c| c.pod).collect();
            let named = self.pods.keys().map(String::as_str).find(|pod| Some(*pod) == record);
            claimants.extend(named.filter(|pod| !claimants.contains(pod)));
            claimants.sort_unstable();
            Leadership::Unknown { claimants }
        };
        match (sure.next(), sure.next()) {
            (Some(one), None) => {
                let mut rivals = claims.iter().filter(|claim| possible(claim) && claim.pod != one.pod);
                let named = record == Some(one.pod);
                let alone = match record {
                    // A rival that says nothing is outvoted by the record, one that contradicts it is not.
                    Some(_) => named && rivals.all(|rival| rival.word == Word::Silent),
                    None => rivals.next().is_none(),
                };
                if alone { Leadership::Confirmed { pod: one.pod } } else { unknown() }
            }
            (Some(_), Some(_)) => unknown(),
            (None, _) => {
                let silent = claims.iter().any(|claim| claim.live && claim.word == Word::Silent);
                let say_so = claims.iter().filter(|claim| matches!(claim.word, Word::Leads | Word::Stands));
                if silent || say_so.count() > 1 { unknown() } else { Leadership::None }
            }
        }
    }

    /// The pod that surely takes writes in this group; none while there is none, and while it is not known.
    pub fn primary_of<'a>(&'a self, group: &GroupName) -> Option<&'a str> {
        match self.leadership(group) {
            Leadership::Confirmed { pod } => Some(pod),
            Leadership::None | Leadership::Unknown { .. } => None,
        }
    }

    /// The same of the first group, which is the one that plain Postgres has.
    pub fn primary(&self) -> Option<&str> {
        self.primary_of(&self.name().group(0))
    }

    /// Pods of a group that claim the role, by their label or their own word, whatever it is worth: for messages.
    pub fn claimants<'a>(&'a self, group: &GroupName) -> Vec<&'a str> {
        claims(group, &self.pods, &self.members).map(|claim| claim.pod).collect()
    }
}

/// True when the leader record of a group has to be read, since a pod that could lead does not say whether it does. A lost node is no
/// reason: its pods are not ready.
pub fn needs_record(
    group: &GroupName,
    pods: &BTreeMap<String, PodSeen>,
    members: &BTreeMap<String, MemberSeen>,
) -> bool {
    claims(group, pods, members).any(|claim| claim.live && claim.word == Word::Silent)
}

fn claims<'a>(
    group: &GroupName,
    pods: &'a BTreeMap<String, PodSeen>,
    members: &'a BTreeMap<String, MemberSeen>,
) -> impl Iterator<Item = Claim<'a>> {
    pods.iter().filter(|(name, _)| group.ordinal(name).is_some()).filter_map(|(name, pod)| {
        let word = Word::of(members.get(name));
        let claims = pod.role.as_deref() == Some(ROLE_PRIMARY) || matches!(word, Word::Leads | Word::Stands);
        claims.then_some(Claim { pod: name, live: pod.ready && !pod.deleting, word })
    })
}

#[cfg(test)]
#[path = "leadership_tests.rs"]
mod tests;
