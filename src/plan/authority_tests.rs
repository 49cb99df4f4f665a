//! Twelve years of a cluster by a fake clock: whoever verifies anybody at any time succeeds, with whatever certificate and
//! bundle each still has loaded.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::fixture::{observed, put_pods, settle, start, step};
use crate::plan::Step;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Somebody who shows a certificate, or verifies one, or both: always with what was loaded last.
struct Peer {
    /// Secret or ConfigMap that it loads from, and how old its copy may be.
    source: &'static str,
    lag: SignedDuration,
    loaded_at: Timestamp,
    leaf: Option<String>,
    bundle: String,
}

impl Peer {
    fn new(source: &'static str, lag: SignedDuration) -> Self {
        Self { source, lag, loaded_at: Timestamp::MIN, leaf: None, bundle: String::new() }
    }

    fn load(&mut self, seen: &Observed, now: Timestamp) {
        if self.loaded_at != Timestamp::MIN && now < self.loaded_at + self.lag {
            return;
        }
        self.loaded_at = now;
        // The authority's own Secret has the text of its public ConfigMap.
        let data = seen.children.secret(self.source).unwrap();
        self.leaf = (self.source != "c-ca").then(|| data["tls.crt"].expose().to_owned());
        self.bundle = data["ca.crt"].expose().to_owned();
    }
}

/// Remembers what was parsed and verified: both are slow.
#[derive(Default)]
struct Judge {
    parsed: BTreeMap<String, Rc<Vec<Certificate>>>,
    signed: BTreeMap<(Vec<u8>, Vec<u8>), bool>,
}

impl Judge {
    fn parse(&mut self, pem: &str) -> Rc<Vec<Certificate>> {
        let known = self.parsed.entry(pem.to_owned());
        known.or_insert_with(|| Rc::new(Certificate::all("tls.crt", pem).unwrap())).clone()
    }

    fn accepts(&mut self, leaf: &str, bundle: &str, now: Timestamp) -> bool {
        let valid = |one: &Certificate| one.not_before <= now && now < one.not_after;
        let (chain, authorities) = (self.parse(leaf), self.parse(bundle));
        valid(&chain[0])
            && authorities.iter().filter(|ca| valid(ca)).any(|ca| {
                let key = (ca.der().to_vec(), chain[0].der().to_vec());
                *self.signed.entry(key).or_insert_with(|| chain[0].signed_by(ca))
            })
    }
}

/// Lives for `years`, looking `every` time when nothing happens; the stages with their days.
fn live(years: i64, seen: &mut Observed, peers: &mut [Peer]) -> Vec<(Stage, i64)> {
    let (mut now, mut judge, mut stages) = (start(), Judge::default(), Vec::new());
    let (mut changed, mut rolling) = (now, None);
    while now < start() + DAY * (365 * years) as i32 {
        for taken in step(seen, now).steps {
            if let Step::Mint(mint) = &taken {
                changed = now;
                if let Mint::Rotate { stage, .. } = mint {
                    stages.push((*stage, start().duration_until(now).as_hours() / 24));
                }
            }
        }
        // A new template takes a while to reach every pooler pod.
        let deployment = seen.children.0.get_mut(&crate::child::ChildRef::new(Kind::Deployment, "c-pooler"));
        let deployment = deployment.unwrap();
        if deployment["status"].is_null() && now >= *rolling.get_or_insert(now) + HOUR * 6 {
            deployment["status"] = json!({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
            rolling = None;
        }
        for peer in peers.iter_mut() {
            peer.load(seen, now);
        }
        for shows in peers.iter() {
            let Some(leaf) = &shows.leaf else { continue };
            for verifies in peers.iter() {
                assert!(
                    judge.accepts(leaf, &verifies.bundle, now),
                    "{now}: {} refuses {} (stages so far: {stages:?})",
                    verifies.source,
                    shows.source
                );
            }
        }
        now += if now < changed + HOUR * 8 { HOUR * 3 } else { DAY * 5 };
    }
    stages
}

fn running() -> Observed {
    let mut seen = observed(json!({}));
    put_pods(&mut seen);
    settle(&mut seen, start());
    seen
}

/// Members that load at once or late, poolers that roll late, and clients that take the bundle now and then.
fn everybody() -> Vec<Peer> {
    vec![
        Peer::new("c-operator-tls", SignedDuration::ZERO),
        Peer::new("c-member-tls", SignedDuration::ZERO),
        Peer::new("c-member-tls", HOUR * 3),
        Peer::new("c-member-tls", DAY * 7),
        Peer::new("c-pooler-tls", HOUR),
        Peer::new("c-pooler-tls", DAY * 20),
        Peer::new("c-ca", DAY),
        Peer::new("c-ca", DAY * 80),
    ]
}

#[test]
fn in_twelve_years_nobody_is_refused_by_anybody() {
    let mut seen = running();
    let first = seen.children.secret("c-ca").unwrap()["tls.crt"].clone();
    let stages = live(12, &mut seen, &mut everybody());
    let order: Vec<Stage> = stages.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(order, [Stage::Prepare, Stage::Promote, Stage::Retire]);
    let days: Vec<i64> = stages.iter().map(|(_, day)| *day).collect();
    assert!((2433..2440).contains(&days[0]), "two thirds of ten years: {days:?}");
    assert!((90..100).contains(&(days[1] - days[0])), "time to trust: {days:?}");
    assert!((90..100).contains(&(days[2] - days[1])), "time to end: {days:?}");

    let data = seen.children.secret("c-ca").unwrap();
    assert_eq!(Vec::from_iter(data.keys()), ["ca.crt", "tls.crt", "tls.key"]);
    assert_eq!(data["ca.crt"], data["tls.crt"], "only the new one is trusted");
    assert_ne!(data["tls.crt"], first);
}

#[test]
fn the_next_authority_does_not_sign_while_a_pod_may_lack_it() {
    let mut seen = running();
    let prepared = start() + DAY * 2434;
    settle(&mut seen, prepared);
    let late = prepared + DAY * 200;
    settle(&mut seen, late);
    assert!(seen.children.secret("c-ca").unwrap().contains_key("next.crt"), "the pooler has not rolled");
    let pooler = crate::child::ChildRef::new(Kind::Deployment, "c-pooler");
    let status = json!({"replicas": 2, "updatedReplicas": 2});
    seen.children.0.get_mut(&pooler).unwrap()["status"] = status.clone();
    seen.pods.get_mut("c-1").unwrap().ready = false;
    settle(&mut seen, late);
    assert!(seen.children.secret("c-ca").unwrap().contains_key("next.crt"), "a member is not ready");
    seen.pods.get_mut("c-1").unwrap().ready = true;
    seen.children.0.get_mut(&pooler).unwrap()["status"] = status;
    settle(&mut seen, late);
    assert!(seen.children.secret("c-ca").unwrap().contains_key("promoted-at"));
}

#[test]
fn the_event_tells_clients_outside_what_to_do() {
    let mut seen = running();
    let steps = step(&mut seen, start() + DAY * 2434).steps;
    let text = steps.iter().map(Step::to_string).find(|text| text.contains("next certificate authority"));
    let text = text.expect("the rotation begins");
    assert!(text.ends_with("Clients outside: take ca.crt of ConfigMap c-ca again within 90 days"), "{text}");
}
