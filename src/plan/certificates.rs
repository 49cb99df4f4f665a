//! Secret material that has to be made: the authority, certificates before they expire, passwords that are absent.
//!
//! Only the decision is here. The material is made in `apply`, with the system's randomness, and written with a
//! precondition, so that two operators never make it twice.

use std::fmt;

use jiff::Timestamp;

use crate::build::certificate_names;
use crate::engine::hba;
use crate::observe::{Observed, SecretData};
use crate::pki::{self, Certificate, Evidence, LEAF_LIFETIME, LeafRequest, Source, Usage, Verdict};
use crate::secret::SecretText;
use crate::target::Target;

use super::authority::{self, Stage};
use super::step::Step;

/// Material to make and the Secret to keep it in.
#[derive(Clone, Debug, PartialEq)]
pub enum Mint {
    /// The authority of the cluster.
    Authority {
        /// Secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The next stage of replacing it.
    Rotate {
        /// Secret.
        secret: String,
        /// Stage.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// A certificate signed by it.
    Leaf {
        /// Secret.
        secret: String,
        /// Secret of the authority.
        authority: String,
        /// What it is for.
        purpose: LeafPurpose,
        /// What to ask of the authority.
        request: LeafRequest,
        /// Why.
        reason: String,
    },
    /// The passphrase of the archive, copied to the Secret that is its own.
    MovePassphrase {
        /// Secret.
        secret: String,
        /// Secret that has it now.
        from: String,
    },
    /// The same taken out of the Secret that had it before.
    DropPassphrase {
        /// Secret that it leaves.
        secret: String,
        /// Secret that has it by now, looked at once more before anything is taken out.
        kept: String,
        /// What that has to have.
        same_as: SecretText,
    },
    /// Passwords, one for each key that is absent.
    Passwords {
        /// Secret.
        secret: String,
        /// Keys.
        keys: Vec<String>,
        /// Further entries that are no secrets, as a user's name and host.
        plain: Vec<(String, String)>,
        /// What for.
        purpose: String,
    },
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafPurpose {
    /// Members towards each other, the pooler and the operator.
    Member,
    /// The pooler towards clients.
    Pooler,
    /// The operator towards members.
    Operator,
}

impl Mint {
    /// Secret that is written.
    pub fn secret(&self) -> &str {
        match self {
            Mint::Authority { secret, .. }
            | Mint::Rotate { secret, .. }
            | Mint::Leaf { secret, .. }
            | Mint::MovePassphrase { secret, .. }
            | Mint::DropPassphrase { secret, .. }
            | Mint::Passwords { secret, .. } => secret,
        }
    }

    /// Secret that the material is made from.
    pub fn signer(&self) -> Option<&str> {
        match self {
            Mint::Leaf { authority, .. } => Some(authority),
            Mint::Rotate { secret, .. } => Some(secret),
            Mint::MovePassphrase { from, .. } => Some(from),
            Mint::DropPassphrase { kept, .. } => Some(kept),
            Mint::Authority { .. } | Mint::Passwords { .. } => None,
        }
    }

    /// What the Secret is for, in a word for its annotation.
    pub fn purpose(&self) -> &'static str {
        match self {
            Mint::Authority { .. } | Mint::Rotate { .. } => "certificate authority",
            Mint::Leaf { .. } => "certificate",
            Mint::MovePassphrase { .. } => "passphrase of the archive",
            Mint::DropPassphrase { .. } | Mint::Passwords { .. } => "passwords",
        }
    }
}

impl fmt::Display for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mint::Authority { secret, reason } => write!(f, "make certificate authority {secret}: {reason}"),
            Mint::Rotate { stage, reason, .. } => write!(f, "{stage}: {reason}"),
            Mint::Leaf { secret, reason, .. } => write!(f, "issue certificate {secret}: {reason}"),
            Mint::MovePassphrase { secret, from } => {
                write!(f, "copy the passphrase of the archive from Secret {from} to Secret {secret}, its own")
            }
            Mint::DropPassphrase { secret, kept, .. } => {
                write!(f, "take the passphrase of the archive out of Secret {secret}: Secret {kept} has it")
            }
            Mint::Passwords { secret, purpose, .. } => write!(f, "generate {purpose} in Secret {secret}"),
        }
    }
}

/// All that has to be made now.
pub fn mints(target: &Target, seen: &Observed, now: Timestamp) -> Vec<Step> {
    let mut mints = Vec::new();
    let name = &target.name;
    let authority = seen.children.secret(&name.authority());
    let step = authority::authority(target, seen, now);
    let broken = matches!(step, Some(Mint::Authority { .. }));
    mints.extend(step);
    let mut leaf = |secret: String, purpose, request: LeafRequest| {
        let live = seen.children.secret(&secret);
        let reason = match broken {
            true => Some("the authority is new".to_owned()),
            false => leaf_reason(live.as_ref(), authority.as_ref(), &request, now),
        };
        if let Some(reason) = reason {
            let authority = name.authority();
            mints.push(Mint::Leaf { secret, authority, purpose, request, reason });
        }
    };
    leaf(
        name.member_tls(),
        LeafPurpose::Member,
        request(&target.groups[0].name.primary(), certificate_names::member(target), Usage::Both),
    );
    leaf(name.operator_tls(), LeafPurpose::Operator, request("stylobate", Vec::new(), Usage::Client));
    if target.given_tls.is_none() {
        leaf(
            name.pooler_tls(),
            LeafPurpose::Pooler,
            request(&name.pooler(), certificate_names::pooler(target), Usage::Server),
        );
    }
    mints.extend(passwords(target, seen));
    let passphrase = super::passphrase::steps(seen, target.archive.is_some());
    mints.into_iter().map(Step::Mint).chain(passphrase).collect()
}

/// Renewals that need no valid target: a spec that stays wrong for months must not let the certificates of what runs end.
/// Each is made with the names that it has.
pub fn renewals(seen: &Observed, now: Timestamp) -> Vec<Step> {
    let name = seen.name();
    let Some(authority) = seen.children.secret(&name.authority()) else { return Vec::new() };
    let leaves = [
        (name.member_tls(), LeafPurpose::Member, Usage::Both),
        (name.operator_tls(), LeafPurpose::Operator, Usage::Client),
        (name.pooler_tls(), LeafPurpose::Pooler, Usage::Server),
    ];
    let due = leaves.into_iter().filter_map(|(secret, purpose, usage)| {
        let live = seen.children.secret(&secret)?;
        let certificate = Certificate::first("tls.crt", live.get("tls.crt")?.expose()).ok()?;
        let request =
            request(certificate.common_name.as_deref()?, Vec::from_iter(certificate.dns_names), usage);
        let reason = leaf_reason(Some(&live), Some(&authority), &request, now)?;
        Some(Mint::Leaf { secret, authority: name.authority(), purpose, request, reason })
    });
    due.map(Step::Mint).collect()
}

fn request(common_name: &str, names: Vec<String>, usage: Usage) -> LeafRequest {
    // X.509 allows 64 characters; clients look at the DNS names alone.
    let common_name: String = common_name.chars().take(64).collect();
    LeafRequest::new(&common_name, names, usage, LEAF_LIFETIME)
}

fn leaf_reason(
    live: Option<&SecretData>,
    authority: Option<&SecretData>,
    request: &LeafRequest,
    now: Timestamp,
) -> Option<String> {
    let Some(data) = live else { return Some("there was none".into()) };
    let bundle = authority.and_then(|data| data.get("ca.crt"))?;
    if data.get("ca.crt") != Some(bundle) {
        return Some("the authority changed".into());
    }
    let evidence = Evidence {
        cert_pem: data.get("tls.crt").map(SecretText::expose),
        key_pem: data.get("tls.key"),
        ca_pem: authority.and_then(|data| data.get("tls.crt")).map(SecretText::expose),
        source: Source::Issued,
    };
    match pki::verdict(evidence, request, now) {
        Verdict::Keep => None,
        Verdict::Remind(reason) | Verdict::Renew(reason) | Verdict::Reject(reason) => {
            Some(reason.to_string())
        }
    }
}

fn passwords(target: &Target, seen: &Observed) -> Vec<Mint> {
    let absent = |secret: &str, keys: &[&str]| -> Vec<String> {
        let live = seen.children.secret(secret).unwrap_or_default();
        keys.iter().filter(|key| !live.contains_key(**key)).map(|key| (*key).to_owned()).collect()
    };
    let mut mints = Vec::new();
    let credentials = target.name.credentials();
    let mut roles = vec![hba::SUPERUSER, hba::REPLICATION_ROLE, hba::REWIND_ROLE, hba::POOLER_MONITOR_ROLE];
    roles.extend(target.looks_up().then_some(hba::POOLER_ROLE));
    let keys = absent(&credentials, &roles);
    if !keys.is_empty() {
        mints.push(Mint::Passwords {
            secret: credentials,
            keys,
            plain: Vec::new(),
            purpose: "passwords of the system roles".into(),
        });
    }
    for user in target.users.iter().filter(|user| !user.password.given) {
        let keys = absent(&user.password.secret, &[user.password.key.as_str()]);
        if keys.is_empty() {
            continue;
        }
        let host = format!("{}.{}.svc", target.name.pooler(), target.name.namespace);
        let database = target.databases.iter().find(|database| database.owner == user.name);
        let mut plain = vec![
            ("username".to_owned(), user.name.clone()),
            ("host".to_owned(), host),
            ("port".to_owned(), crate::pooler::PORT.to_string()),
        ];
        plain.extend(database.map(|database| ("dbname".to_owned(), database.name.clone())));
        mints.push(Mint::Passwords {
            secret: user.password.secret.clone(),
            keys,
            plain,
            purpose: format!("the password of user {}", user.name),
        });
    }
    mints
}
