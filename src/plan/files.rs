//! Mounted files. The kubelet brings a changed Secret or ConfigMap into a pod at its next round, up to 90 s later; a
//! changed annotation makes it look now. The supervisors in the images then reload what reads the files.

use std::collections::BTreeMap;

use crate::child::Kind;
use crate::name::{ANNOTATION_RENDERED, COMPONENT_MEMBER, digest};
use crate::observe::Observed;
use crate::pooler::Way;
use crate::target::Target;

use super::step::Step;

/// Pods whose files are older than the objects that they come from.
pub fn refreshes(target: &Target, seen: &Observed) -> Vec<Step> {
    let mut members: Vec<String> =
        target.groups.iter().map(|g| version(seen, Kind::ConfigMap, &g.name.patroni())).collect();
    members.push(version(seen, Kind::Secret, &target.name.member_tls()));
    // One that has none is not made to look, so that an archive is no news for pods of clusters without.
    members.extend(target.archive.iter().map(|_| version(seen, Kind::Secret, &target.name.archive())));
    let pooler = |way: Way| {
        let versions = [
            version(seen, Kind::ConfigMap, &way.name(&target.name)),
            version(seen, Kind::Secret, &target.name.pooler_users()),
            version(seen, Kind::Secret, &target.name.pooler_tls()),
            given(target, seen),
            version(seen, Kind::ConfigMap, &target.name.authority()),
        ];
        (way.component(), short(&versions.join("\n")))
    };
    let mut wanted: BTreeMap<&str, String> = Way::ALL.into_iter().map(pooler).collect();
    wanted.insert(COMPONENT_MEMBER, short(&members.join("\n")));
    seen.pods
        .iter()
        .filter(|(_, pod)| !pod.deleting && pod.ip.is_some())
        .filter_map(|(name, pod)| {
            let digest = wanted.get(pod.component.as_str())?;
            (pod.files.as_ref() != Some(digest))
                .then(|| Step::RefreshFiles { pod: name.clone(), digest: digest.clone() })
        })
        .collect()
}

/// What tells one version of an object from another, without its drifting metadata.
fn version(seen: &Observed, kind: Kind, name: &str) -> String {
    let Some(object) = seen.children.get(kind, name) else { return String::new() };
    match object["metadata"]["annotations"][ANNOTATION_RENDERED].as_str() {
        Some(rendered) => rendered.to_owned(),
        None => digest(object["data"].to_string().as_bytes()),
    }
}

fn given(target: &Target, seen: &Observed) -> String {
    let data = target.given_tls.as_ref().and_then(|name| seen.given.secrets.get(name)?.as_ref());
    data.and_then(|data| data.get("tls.crt")).map(|text| digest(text.expose().as_bytes())).unwrap_or_default()
}

fn short(text: &str) -> String {
    digest(text.as_bytes())[..16].to_owned()
}
