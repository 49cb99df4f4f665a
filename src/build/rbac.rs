//! Identity of members. Patroni keeps its state in ConfigMaps and its role in pod labels; it gets just that, of its own cluster: what
//! is changed is named, so that a member that was broken into changes no pod and no ConfigMap of its neighbours.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::child::{Child, Kind};
use crate::observe::Observed;
use crate::target::{GroupTarget, Target};

use super::meta::metadata;

/// ServiceAccounts, Role and RoleBinding.
pub fn accounts(target: &Target, seen: &Observed) -> Vec<Child> {
    let name = target.name.member();
    let account = |name: &str| ServiceAccount {
        metadata: metadata(target, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let state: Vec<String> = target.groups.iter().flat_map(|group| group.name.patroni_state()).collect();
    let members: Vec<String> = target.groups.iter().flat_map(|group| members(group, seen)).collect();
    let rule = |resource: &str, names: Option<Vec<String>>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.into()]),
        resource_names: names,
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let role = Role {
        metadata: metadata(target, &name),
        rules: Some(vec![
            // A list or a create can't be limited to names; what is changed is.
            rule("configmaps", None, &["create", "list", "watch"]),
            rule("configmaps", Some(state), &["get", "patch", "update"]),
            rule("pods", None, &["list", "watch"]),
            rule("pods", Some(members), &["get", "patch"]),
        ]),
    };
    let binding = RoleBinding {
        metadata: metadata(target, &name),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".into(),
            kind: "Role".into(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: name.clone(),
            namespace: Some(target.name.namespace.clone()),
            ..Subject::default()
        }]),
    };
    let pooler = target.name.pooler_account();
    vec![
        Child::new(Kind::ServiceAccount, &name, &account(&name)),
        Child::new(Kind::ServiceAccount, &pooler, &account(&pooler)),
        Child::new(Kind::Role, &name, &role),
        Child::new(Kind::RoleBinding, &name, &binding),
    ]
}

/// Pods of a group: those that are wanted, and those that are still there or may come back, as while a set waits to be made smaller.
fn members(group: &GroupTarget, seen: &Observed) -> impl Iterator<Item = String> {
    let set = seen.children.get(Kind::StatefulSet, &group.name.scope());
    let kept = set.and_then(|set| set.pointer("/spec/replicas")?.as_i64()).unwrap_or(0);
    let kept = i32::try_from(kept).unwrap_or(0).max(group.instances);
    let here = seen.pods.keys().filter_map(|pod| group.name.ordinal(pod)).max().map_or(0, |last| last + 1);
    let name = group.name.clone();
    (0..kept.max(here)).map(move |ordinal| name.pod(ordinal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, target};
    use serde_json::{Value, json};

    /// Names that the Role limits a verb on pods to; none where it does not.
    fn limits(seen: &Observed, verb: &str) -> Vec<Value> {
        let role = accounts(&target(seen), seen).into_iter().find(|child| child.reference.kind == Kind::Role);
        let rules = role.expect("there is a Role").body["rules"].clone();
        let of = |rule: &&Value| {
            rule["resources"] == json!(["pods"]) && rule["verbs"].as_array().unwrap().contains(&json!(verb))
        };
        rules.as_array().unwrap().iter().filter(of).map(|rule| rule["resourceNames"].clone()).collect()
    }

    #[test]
    fn a_member_may_change_the_pods_of_its_own_cluster_and_no_other() {
        let mut seen = observed(json!({}));
        put_pods(&mut seen);
        assert_eq!(limits(&seen, "patch"), [json!(["c-0", "c-1", "c-2"])]);
        assert_eq!(limits(&seen, "update"), [] as [Value; 0], "Patroni patches");
        assert_eq!(limits(&seen, "list"), [Value::Null], "a list can't be limited to names");
    }

    #[test]
    fn a_member_that_is_to_go_may_still_say_what_it_is_until_it_is_gone() {
        let mut seen = observed(json!({"instances": 1}));
        assert_eq!(limits(&seen, "patch"), [json!(["c-0"])]);
        put_pods(&mut seen);
        assert_eq!(limits(&seen, "patch"), [json!(["c-0", "c-1", "c-2"])], "they still run");
        seen.pods.clear();
        let set = crate::child::ChildRef::new(Kind::StatefulSet, "c");
        seen.children.0.insert(set, json!({"spec": {"replicas": 2}}));
        assert_eq!(limits(&seen, "patch"), [json!(["c-0", "c-1"])], "its set makes it again");
    }
}
