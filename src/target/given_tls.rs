//! A certificate that a person supplies for the pooler: judged before it is used, and again at every look, since it ends.

use jiff::Timestamp;

use crate::build::certificate_names;
use crate::observe::Observed;
use crate::pki::{Evidence, LEAF_LIFETIME, LeafRequest, Source, Usage, Verdict, verdict};
use crate::secret::SecretText;

use super::problem::OWN_SECRET;
use super::{Problem, Target};

/// The field that names the Secret.
const FIELD: &str = "spec.access.tls.secret";

/// What keeps the certificate from being used, and what its owner should do soon.
pub fn check(seen: &Observed, target: &Target, now: Timestamp) -> (Option<Problem>, Vec<String>) {
    let Some(name) = &target.given_tls else { return (None, Vec::new()) };
    if target.name.own_secrets().contains(name) {
        return (Some(Problem::new(FIELD, name, OWN_SECRET)), Vec::new());
    }
    let Some(data) = seen.given.secrets.get(name).and_then(Option::as_ref) else {
        let remedy =
            "no Secret of this name is in the namespace: create it (cert-manager does so from a Certificate)";
        return (Some(Problem::new(FIELD, name, remedy)), Vec::new());
    };
    let found = Evidence {
        cert_pem: data.get("tls.crt").map(SecretText::expose),
        key_pem: data.get("tls.key"),
        ca_pem: data.get("ca.crt").map(SecretText::expose).filter(|text| !text.trim().is_empty()),
        source: Source::Supplied,
    };
    let names = certificate_names::pooler(target);
    let wanted = LeafRequest::new(&target.name.pooler(), names, Usage::Server, LEAF_LIFETIME);
    match verdict(found, &wanted, now) {
        Verdict::Keep => (None, Vec::new()),
        Verdict::Remind(reason) => (None, vec![format!("{FIELD} {name}: {reason}")]),
        // A supplied certificate is never renewed here, whatever is wrong with it.
        Verdict::Renew(reason) | Verdict::Reject(reason) => {
            (Some(Problem::new(FIELD, name, reason.to_string())), Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Kind;
    use crate::fixture::{entries, observed, settle, start, step};
    use crate::pki::{Authority, CA_LIFETIME};
    use crate::plan::{Cause, Mint, Step};
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A cluster whose pooler has the certificate that cert-manager would make for `names`.
    fn world(names: &[&str], with_ca: bool) -> Observed {
        let mut seen = observed(json!({"access": {"tls": {"secret": "mine"}}}));
        let authority = Authority::create("company", start(), CA_LIFETIME).unwrap();
        let request = LeafRequest::new("pooler", names.iter().copied(), Usage::Server, LEAF_LIFETIME);
        let leaf = authority.issue(&request, start()).unwrap();
        let mut data = entries(&[("tls.crt", &leaf.cert_pem), ("tls.key", leaf.key_pem.expose())]);
        if with_ca {
            data.insert("ca.crt".into(), SecretText::new(authority.cert_pem()));
        }
        seen.given.secrets.insert("mine".into(), Some(data));
        seen
    }

    const ALL: [&str; 4] =
        ["c-pooler", "c-pooler.shop", "c-pooler.shop.svc", "c-pooler.shop.svc.cluster.local"];

    fn problem(seen: &Observed, now: Timestamp) -> String {
        crate::target::validate(seen, now).unwrap_err()[0].to_string()
    }

    #[test]
    fn a_good_certificate_is_used_and_clients_get_its_authority() {
        let mut seen = world(&ALL, true);
        settle(&mut seen, start());
        let given = seen.given.secrets["mine"].clone().unwrap();
        let trust = seen.children.get(Kind::ConfigMap, "c-ca").unwrap()["data"].clone();
        assert_eq!(trust["ca.crt"], Value::from(given["ca.crt"].expose()));
        let own = seen.children.secret("c-ca").unwrap();
        assert_eq!(trust["members.crt"], Value::from(own["ca.crt"].expose()));
        assert!(seen.children.get(Kind::Secret, "c-pooler-tls").is_none(), "none is issued beside it");
        assert!(seen.children.get(Kind::Deployment, "c-pooler").is_some());
    }

    #[test]
    fn a_certificate_of_an_authority_that_clients_know_needs_no_ca() {
        let mut seen = world(&ALL, false);
        settle(&mut seen, start());
        let trust = &seen.children.get(Kind::ConfigMap, "c-ca").unwrap()["data"];
        assert_eq!(trust.get("ca.crt"), None);
        assert!(trust.get("members.crt").is_some());
    }

    #[test]
    fn each_fault_is_a_problem_that_names_field_value_and_remedy() {
        let text = problem(&world(&ALL[..3], true), start());
        assert!(text.starts_with("spec.access.tls.secret is 'mine': tls.crt is for ["), "{text}");
        assert!(text.contains("missing: [c-pooler.shop.svc.cluster.local]"), "{text}");

        let text = problem(&world(&ALL, true), start() + DAY * 90);
        assert_eq!(
            text,
            "spec.access.tls.secret is 'mine': tls.crt ended at 2027-02-19T12:00:00Z; it must be valid now"
        );

        let (mut seen, other) = (world(&ALL, true), world(&ALL, true));
        let key = other.given.secrets["mine"].clone().unwrap()["tls.key"].clone();
        seen.given.secrets.get_mut("mine").unwrap().as_mut().unwrap().insert("tls.key".into(), key);
        assert!(problem(&seen, start()).contains("tls.key does not belong to the certificate 'CN=pooler'"));

        seen.given.secrets.get_mut("mine").unwrap().as_mut().unwrap().remove("tls.key");
        assert!(problem(&seen, start()).contains("tls.key is missing"));

        seen.given.secrets.insert("mine".into(), None);
        assert!(problem(&seen, start()).contains("no Secret of this name is in the namespace"));
    }

    #[test]
    fn its_owner_is_reminded_before_it_ends() {
        let mut seen = world(&ALL, true);
        let decision = settle(&mut seen, start() + DAY * 61);
        let accepted = &decision.status.conditions[0];
        assert_eq!(accepted.status, "True");
        assert!(
            accepted.message.contains("spec.access.tls.secret mine: tls.crt is due"),
            "{}",
            accepted.message
        );
    }

    #[test]
    fn when_it_ended_the_certificates_of_members_are_still_renewed() {
        let mut seen = world(&ALL, true);
        settle(&mut seen, start());
        let renewed: Vec<String> = step(&mut seen, start() + DAY * 90)
            .steps
            .into_iter()
            .filter_map(|step| match step {
                Step::Mint(Mint::Leaf { secret, .. }) => Some(secret),
                _ => None,
            })
            .collect();
        assert_eq!(renewed, ["c-member-tls", "c-operator-tls"]);
    }

    #[test]
    fn another_certificate_is_an_edit_and_its_authority_comes_beside_the_one_before() {
        let published = |seen: &Observed| {
            let map = seen.children.get(Kind::ConfigMap, "c-ca").unwrap();
            map["data"]["ca.crt"].as_str().unwrap().trim().to_owned()
        };
        let mut seen = observed(json!({}));
        std::sync::Arc::make_mut(&mut seen.cluster).metadata.generation = Some(1);
        let settled = settle(&mut seen, start());
        let own = published(&seen);

        let given = world(&ALL, true);
        let mut cluster = (*given.cluster).clone();
        (cluster.metadata.generation, cluster.status) = (Some(2), Some(settled.status));
        seen.cluster = std::sync::Arc::new(cluster);
        seen.given.secrets = given.given.secrets;
        let mine = seen.given.secrets["mine"].as_ref().unwrap()["ca.crt"].expose().trim().to_owned();
        let causes: Vec<Cause> = step(&mut seen, start()).steps.iter().filter_map(Step::cause).collect();
        assert_eq!(causes, [Cause::Change], "a person asked for it");
        let between = published(&seen);
        assert!(between.contains(&own) && between.contains(&mine), "{between}");
        settle(&mut seen, start());
        assert_eq!(published(&seen), mine);
    }

    #[test]
    fn a_changed_certificate_rolls_the_pooler_by_its_annotation() {
        let restart = |seen: &Observed| {
            let pooler = seen.children.get(Kind::Deployment, "c-pooler").unwrap();
            pooler["spec"]["template"]["metadata"]["annotations"]["stylobate.dev/pooler-restart"].clone()
        };
        let mut seen = world(&ALL, true);
        settle(&mut seen, start());
        let before = restart(&seen);
        assert!(before.is_string());
        settle(&mut seen, start() + DAY);
        assert_eq!(restart(&seen), before, "nothing changed, nothing rolls");
        seen.given.secrets = world(&ALL, true).given.secrets;
        settle(&mut seen, start() + DAY);
        assert_ne!(restart(&seen), before);

        let mut own = observed(json!({}));
        settle(&mut own, start());
        let before = restart(&own);
        settle(&mut own, start() + DAY * 61);
        assert_ne!(restart(&own), before, "so does the renewal of the operator's own");
    }
}
