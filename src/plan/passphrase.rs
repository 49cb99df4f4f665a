//! The passphrase of the archive. It is the only key to all that was archived, so it is in a Secret of its own, which nothing ever tells
//! anybody to delete; it is moved there before it leaves the place where older operators kept it; and none is made while an archive
//! may be encrypted with another. Why: `docs/decisions/0034-archive-key.md`.

use crate::archive::{CONF, PASSPHRASE, passphrase_of};
use crate::observe::Observed;
use crate::secret::SecretText;

use super::certificates::Mint;
use super::step::Step;

/// Where the passphrase stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Passphrase {
    /// It is where it belongs.
    Kept(SecretText),
    /// It is elsewhere still, in the Secret of this name: it is moved.
    Elsewhere(String, SecretText),
    /// Its Secret has another one than what was archived is encrypted with. Members go on with the right one.
    Changed(SecretText),
    /// Nobody has it any more, and the archive of this cluster may need it.
    Lost,
    /// There never was one.
    Never,
}

impl Passphrase {
    /// The one that what is archived is encrypted with.
    pub fn text(self) -> Option<SecretText> {
        match self {
            Passphrase::Kept(text) | Passphrase::Elsewhere(_, text) | Passphrase::Changed(text) => Some(text),
            Passphrase::Lost | Passphrase::Never => None,
        }
    }
}

/// Looks for it: in its own Secret, in the configuration that members have, and where older operators kept it.
pub fn passphrase(seen: &Observed) -> Passphrase {
    let name = seen.name();
    let entry = |secret: &str, key: &str| seen.children.secret(secret)?.get(key).cloned();
    let own = entry(&name.archive_key(), PASSPHRASE);
    let in_force = entry(&name.archive(), CONF).and_then(|conf| passphrase_of(&conf));
    let older = || entry(&name.credentials(), PASSPHRASE);
    match (own, in_force) {
        (Some(own), Some(in_force)) if first_line(&own) != in_force.expose() && may_have_archived(seen) => {
            Passphrase::Changed(in_force)
        }
        (Some(own), _) => Passphrase::Kept(own),
        (None, Some(in_force)) => Passphrase::Elsewhere(name.archive(), in_force),
        (None, None) => match older() {
            Some(older) => Passphrase::Elsewhere(name.credentials(), older),
            None if may_have_archived(seen) => Passphrase::Lost,
            None => Passphrase::Never,
        },
    }
}

/// The configuration has one line of it (`archive::conf`).
fn first_line(text: &SecretText) -> &str {
    text.expose().lines().next().unwrap_or_default()
}

/// True when something of this very cluster may be in an archive.
fn may_have_archived(seen: &Observed) -> bool {
    let status = seen.cluster.status.as_ref();
    let told = status.is_some_and(|status| {
        let until = status.archive.as_ref().and_then(|archive| archive.archived_until.as_ref());
        status.archive_key.is_some() || until.is_some()
    });
    let copies = seen.backups.iter().flat_map(|backups| backups.values());
    told || copies.flat_map(|backup| &backup.status.groups).any(|group| group.archived.is_some())
}

/// Moves it to its own Secret. Needs no valid target: what tells a person to delete the older place must not come first.
pub fn moves(seen: &Observed) -> Option<Step> {
    let name = seen.name();
    let (secret, older) = (name.archive_key(), name.credentials());
    match passphrase(seen) {
        Passphrase::Elsewhere(from, _) => Some(Step::Mint(Mint::MovePassphrase { secret, from })),
        Passphrase::Kept(kept) => {
            // Seen in the new place: now it may leave the older one, where that has the very same.
            let twice = seen.children.secret(&older)?.get(PASSPHRASE) == Some(&kept);
            twice.then_some(Step::Mint(Mint::DropPassphrase { secret: older, kept: secret, same_as: kept }))
        }
        Passphrase::Changed(_) | Passphrase::Lost | Passphrase::Never => None,
    }
}

/// What there is to do about it. `archives`: the spec asks for an archive.
pub fn steps(seen: &Observed, archives: bool) -> Option<Step> {
    if archives && passphrase(seen) == Passphrase::Never {
        return Some(Step::Mint(Mint::Passwords {
            secret: seen.name().archive_key(),
            keys: vec![PASSPHRASE.to_owned()],
            plain: Vec::new(),
            purpose: "the passphrase of the archive".into(),
        }));
    }
    moves(seen)
}
