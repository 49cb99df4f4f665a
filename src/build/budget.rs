//! PodDisruptionBudgets: how many pods a drain may take, and that the member which takes writes is none of them.
//!
//! The eviction API refuses a pod with two budgets altogether, so each pod is selected by one: the primary by its role,
//! and everything else of the group by the lack of it.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::child::{Child, Kind};
use crate::name::{LABEL_ROLE, ROLE_PRIMARY};
use crate::target::Target;

use super::meta::metadata;

/// What is not ready serves nobody, so a drain may take it. By Kubernetes' default it may not once too few are ready, and then a member
/// that can't start, or keeps the label of a primary on a node that is lost, keeps its node from ever being emptied.
const UNREADY_MAY_GO: &str = "AlwaysAllow";

/// All budgets.
pub fn budgets(target: &Target) -> Vec<Child> {
    let mut children = Vec::new();
    for group in &target.groups {
        let of_role = |operator: &str| LabelSelector {
            match_labels: Some(group.name.selector()),
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: LABEL_ROLE.into(),
                operator: operator.into(),
                values: Some(vec![ROLE_PRIMARY.into()]),
            }]),
        };
        // The operator hands the role over first (`src/plan/drain.rs`). A member that is alone has nobody to hand it to,
        // and no node could ever be drained if it had to stay.
        let kept = i32::from(group.instances > 1);
        children.push(at_least(target, group.name.primary(), of_role("In"), kept));
        // One replica may go at a time. A number of those that stay, since a number of those that may go would be counted
        // from the whole set, with the primary.
        let replicas = (group.instances - 2).max(0);
        children.push(at_least(target, group.name.members(), of_role("NotIn"), replicas));
    }
    for pooler in &target.poolers {
        let pods = LabelSelector {
            match_labels: Some(target.name.selector(pooler.way.component())),
            ..LabelSelector::default()
        };
        // Where there is only one pooler pod it may be taken, or no node could ever be drained.
        let one = PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(pods),
            unhealthy_pod_eviction_policy: Some(UNREADY_MAY_GO.into()),
            ..PodDisruptionBudgetSpec::default()
        };
        children.push(budget(target, pooler.way.name(&target.name), one));
    }
    children
}

fn at_least(target: &Target, name: String, selector: LabelSelector, pods: i32) -> Child {
    let spec = PodDisruptionBudgetSpec {
        min_available: Some(IntOrString::Int(pods)),
        selector: Some(selector),
        unhealthy_pod_eviction_policy: Some(UNREADY_MAY_GO.into()),
        ..PodDisruptionBudgetSpec::default()
    };
    budget(target, name, spec)
}

fn budget(target: &Target, name: String, spec: PodDisruptionBudgetSpec) -> Child {
    let object = PodDisruptionBudget { metadata: metadata(target, &name), spec: Some(spec), status: None };
    Child::new(Kind::PodDisruptionBudget, name, &object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, target};
    use serde_json::json;

    /// Least pods that stay, by the budget's name.
    fn kept(instances: i32) -> Vec<(String, serde_json::Value)> {
        let target = target(&observed(json!({"instances": instances})));
        let named = |child: Child| (child.reference.name, child.body["spec"]["minAvailable"].clone());
        budgets(&target).into_iter().map(named).take(2).collect()
    }

    #[test]
    fn a_drain_takes_one_replica_at_a_time_and_the_primary_only_where_it_is_alone() {
        let of = |primary: i32, replicas: i32| {
            vec![("c-primary".to_owned(), json!(primary)), ("c-members".to_owned(), json!(replicas))]
        };
        assert_eq!(kept(1), of(0, 0));
        assert_eq!(kept(2), of(1, 0));
        assert_eq!(kept(3), of(1, 1));
        assert_eq!(kept(5), of(1, 3));
    }

    #[test]
    fn what_is_not_ready_keeps_no_node() {
        for budget in budgets(&target(&observed(json!({})))) {
            let policy = &budget.body["spec"]["unhealthyPodEvictionPolicy"];
            assert_eq!(policy, "AlwaysAllow", "{}", budget.reference);
        }
    }

    #[test]
    fn no_pod_has_two_budgets() {
        let budgets = budgets(&target(&observed(json!({}))));
        let role = |index: usize| budgets[index].body["spec"]["selector"]["matchExpressions"][0].clone();
        assert_eq!(role(0), json!({"key": LABEL_ROLE, "operator": "In", "values": ["primary"]}));
        assert_eq!(role(1), json!({"key": LABEL_ROLE, "operator": "NotIn", "values": ["primary"]}));
    }
}
