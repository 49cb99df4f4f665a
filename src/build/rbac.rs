//! Identity of members. Patroni keeps its state in ConfigMaps and its role in pod labels; it gets just that.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::child::{Child, Kind};
use crate::target::Target;

use super::meta::metadata;

/// ServiceAccounts, Role and RoleBinding.
pub fn accounts(target: &Target) -> Vec<Child> {
    let name = target.name.member();
    let account = |name: &str| ServiceAccount {
        metadata: metadata(target, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let state: Vec<String> = target.groups.iter().flat_map(|group| group.name.patroni_state()).collect();
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
            rule("pods", None, &["get", "list", "patch", "update", "watch"]),
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
