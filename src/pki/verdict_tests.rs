//! One test per reason, for issued and for supplied leaves.

use super::*;
use crate::pki::{Authority, CA_LIFETIME, LEAF_LIFETIME, Leaf, Usage};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn wanted() -> LeafRequest {
    LeafRequest::new("shop", ["shop-primary.ns.svc", "*.shop.ns.svc"], Usage::Server, LEAF_LIFETIME)
}

struct World {
    ca: Authority,
    leaf: Leaf,
}

impl World {
    fn new() -> Self {
        Self::with(&wanted())
    }

    fn with(request: &LeafRequest) -> Self {
        let ca = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        let leaf = ca.issue(request, now()).unwrap();
        Self { ca, leaf }
    }

    fn evidence(&self, source: Source) -> Evidence<'_> {
        Evidence {
            cert_pem: Some(&self.leaf.cert_pem),
            key_pem: Some(&self.leaf.key_pem),
            ca_pem: Some(self.ca.cert_pem()),
            source,
        }
    }
}

#[test]
fn a_fresh_leaf_is_kept_until_two_thirds_of_its_life() {
    let world = World::new();
    let due: Timestamp = "2027-01-20T11:58:20Z".parse().unwrap();
    let issued = world.evidence(Source::Issued);
    assert_eq!(verdict(issued, &wanted(), now()), Verdict::Keep);
    assert_eq!(verdict(issued, &wanted(), due - SignedDuration::from_secs(1)), Verdict::Keep);
    let aging = Reason::Aging { since: due, until: "2027-02-19T12:00:00Z".parse().unwrap() };
    assert_eq!(verdict(issued, &wanted(), due), Verdict::Renew(aging.clone()));
    assert_eq!(verdict(world.evidence(Source::Supplied), &wanted(), due), Verdict::Remind(aging));
}

#[test]
fn an_ended_leaf_is_renewed_or_refused() {
    let world = World::new();
    let end: Timestamp = "2027-02-19T12:00:00Z".parse().unwrap();
    assert_eq!(
        verdict(world.evidence(Source::Issued), &wanted(), end),
        Verdict::Renew(Reason::Expired { at: end })
    );
    let Verdict::Reject(reason) = verdict(world.evidence(Source::Supplied), &wanted(), end) else { panic!() };
    assert_eq!(reason.to_string(), "tls.crt ended at 2027-02-19T12:00:00Z; it must be valid now");
}

#[test]
fn missing_and_unreadable_fields_are_named() {
    let world = World::new();
    let absent = Evidence { key_pem: None, ..world.evidence(Source::Issued) };
    assert_eq!(verdict(absent, &wanted(), now()), Verdict::Renew(Reason::Missing { field: "tls.key" }));
    let absent = Evidence { cert_pem: None, ..absent };
    assert_eq!(verdict(absent, &wanted(), now()), Verdict::Renew(Reason::Missing { field: "tls.crt" }));
    let garbage = Evidence { cert_pem: Some("x"), ..world.evidence(Source::Supplied) };
    let Verdict::Reject(reason) = verdict(garbage, &wanted(), now()) else { panic!() };
    assert!(reason.to_string().starts_with("failed to read tls.crt: it holds no certificate"), "{reason}");
}

#[test]
fn a_key_of_another_certificate_is_seen() {
    let (one, two) = (World::new(), World::new());
    let mixed = Evidence { key_pem: Some(&two.leaf.key_pem), ..one.evidence(Source::Supplied) };
    let expected = Reason::KeyMismatch { subject: "CN=shop".into() };
    assert_eq!(verdict(mixed, &wanted(), now()), Verdict::Reject(expected));
}

#[test]
fn an_issuer_of_the_same_name_and_another_key_is_not_the_issuer() {
    let (one, two) = (World::new(), World::new());
    let moved = Evidence { ca_pem: Some(two.ca.cert_pem()), ..one.evidence(Source::Issued) };
    let expected = Reason::WrongIssuer { subject: "CN=shop".into() };
    assert_eq!(verdict(moved, &wanted(), now()), Verdict::Renew(expected));
}

#[test]
fn changed_names_are_listed() {
    let world = World::new();
    let request =
        LeafRequest::new("shop", ["shop-primary.ns.svc", "new.ns.svc"], Usage::Server, LEAF_LIFETIME);
    let Verdict::Renew(reason) = verdict(world.evidence(Source::Issued), &request, now()) else { panic!() };
    assert_eq!(
        reason.to_string(),
        "tls.crt is for [*.shop.ns.svc, shop-primary.ns.svc, CN=shop]; missing: [new.ns.svc], no longer wanted: \
         [*.shop.ns.svc]; it must name every one that clients connect to"
    );
}

#[test]
fn a_supplied_leaf_may_cover_names_by_wildcard_and_have_more() {
    let world = World::new();
    let one = LeafRequest::new("other", ["shop-0.shop.ns.svc"], Usage::Server, LEAF_LIFETIME);
    assert_eq!(verdict(world.evidence(Source::Supplied), &one, now()), Verdict::Keep);
    let deep = LeafRequest::new("other", ["a.b.shop.ns.svc"], Usage::Server, LEAF_LIFETIME);
    assert!(matches!(
        verdict(world.evidence(Source::Supplied), &deep, now()),
        Verdict::Reject(Reason::Names { missing, .. }) if missing == ["a.b.shop.ns.svc"]
    ));
}

#[test]
fn a_client_leaf_is_known_by_its_common_name() {
    let none: [&str; 0] = [];
    let world = World::with(&LeafRequest::new("operator", none, Usage::Client, LEAF_LIFETIME));
    let same = LeafRequest::new("operator", none, Usage::Client, LEAF_LIFETIME);
    assert_eq!(verdict(world.evidence(Source::Supplied), &same, now()), Verdict::Keep);
    let other = LeafRequest::new("replicator", none, Usage::Client, LEAF_LIFETIME);
    assert!(matches!(
        verdict(world.evidence(Source::Supplied), &other, now()),
        Verdict::Reject(Reason::Names { missing, .. }) if missing == ["CN=replicator"]
    ));
    let serving = LeafRequest::new("operator", none, Usage::Both, LEAF_LIFETIME);
    assert!(matches!(
        verdict(world.evidence(Source::Issued), &serving, now()),
        Verdict::Renew(Reason::Usage { missing: "serverAuth", .. })
    ));
}

#[test]
fn a_leaf_from_the_future_is_not_used() {
    let world = World::new();
    let before = now() - SignedDuration::from_hours(1);
    assert!(matches!(
        verdict(world.evidence(Source::Supplied), &wanted(), before),
        Verdict::Reject(Reason::NotYetValid { .. })
    ));
}

#[test]
fn a_supplied_leaf_of_an_authority_that_all_know_needs_no_authority_beside_it() {
    let world = World::new();
    let public = Evidence { ca_pem: None, ..world.evidence(Source::Supplied) };
    assert_eq!(verdict(public, &wanted(), now()), Verdict::Keep);
    let broken = Evidence { ca_pem: Some("x"), ..public };
    assert!(matches!(verdict(broken, &wanted(), now()), Verdict::Reject(Reason::Unreadable(_))));
}
