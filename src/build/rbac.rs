//! Identity of members. Patroni keeps its state in ConfigMaps and its role in pod labels; it gets just that, of its own cluster: what
//! is changed is named, so that a member that was broken into changes no pod and no ConfigMap of its neighbours.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::child::{Child, Kind};
use crate::target::{GroupTarget, Target};

use super::meta::{annotations, metadata};

/// Most members that `spec.instances` can ask for.
const MOST_MEMBERS: i32 = 9;

/// ServiceAccounts, Role and RoleBinding.
pub fn accounts(target: &Target) -> Vec<Child> {
    let name = target.name.member();
    let notes = &target.pods.service_account_annotations;
    let account = |name: &str| ServiceAccount {
        metadata: ObjectMeta { annotations: annotations(notes), ..metadata(target, name) },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let state: Vec<String> = target.groups.iter().flat_map(|group| group.name.patroni_state()).collect();
    let members: Vec<String> = target.groups.iter().flat_map(members).collect();
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

/// Pods of a group, also those that it does not have now: the Role stays as it is while members come and go, and one that is to go may say
/// what it is until it is gone. Nobody else's pod has a name of a StatefulSet's.
fn members(group: &GroupTarget) -> Vec<String> {
    (0..MOST_MEMBERS).map(|ordinal| group.name.pod(ordinal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PostgresCluster;
    use crate::fixture::{observed, target};
    use kube::CustomResourceExt;
    use serde_json::{Value, json};

    /// Names that the Role limits a verb on pods to; null where it does not.
    fn limits(spec: Value, verb: &str) -> Vec<Value> {
        let children = accounts(&target(&observed(spec)));
        let role = children.into_iter().find(|child| child.reference.kind == Kind::Role);
        let rules = role.expect("there is a Role").body["rules"].clone();
        let of = |rule: &&Value| {
            rule["resources"] == json!(["pods"]) && rule["verbs"].as_array().unwrap().contains(&json!(verb))
        };
        rules.as_array().unwrap().iter().filter(of).map(|rule| rule["resourceNames"].clone()).collect()
    }

    #[test]
    fn a_member_may_change_the_pods_of_its_own_cluster_and_no_other() {
        let nine: Vec<String> = (0..9).map(|ordinal| format!("c-{ordinal}")).collect();
        assert_eq!(limits(json!({}), "patch"), [json!(nine)]);
        assert_eq!(limits(json!({}), "update"), [] as [Value; 0], "Patroni patches");
        assert_eq!(limits(json!({}), "list"), [Value::Null], "a list can't be limited to names");
    }

    #[test]
    fn a_member_that_is_to_go_or_to_come_may_say_what_it_is() {
        assert_eq!(limits(json!({"instances": 1}), "patch"), limits(json!({"instances": 9}), "patch"));
        let definition = serde_json::to_value(PostgresCluster::crd()).unwrap();
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let most = definition.pointer(&format!("{spec}/instances/maximum")).and_then(Value::as_f64);
        assert_eq!(most, Some(f64::from(MOST_MEMBERS)));
    }
}
