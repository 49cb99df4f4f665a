//! Objects of others under the cluster's names.

use super::{ledger, rest, scenario};

#[test]
fn nothing_that_the_cluster_did_not_make_is_changed_or_removed_and_each_is_named() {
    scenario("others");
}

#[test]
fn a_name_of_patroni_s_that_is_taken_is_told_and_what_was_made_anew_stays() {
    scenario("others-patroni");
}

/// Whatever name is taken, at whatever moment: the object stays, and nothing is written onto it that was seen to be somebody else's.
#[test]
fn an_object_under_any_name_is_in_the_way_of_a_new_cluster() {
    let (made, _) = rest(ledger(), |_| {}, None);
    let mut names: Vec<(String, String)> =
        made.children.keys().map(|child| (child.kind.to_string(), child.name.clone())).collect();
    // The Secret of a user may be a person's own: then it is the password.
    names.retain(|(_, name)| !name.contains("-user-"));
    names.extend(made.group().patroni_state().map(|name| ("ConfigMap".to_owned(), name)));
    names.extend(made.volumes.keys().map(|claim| ("PersistentVolumeClaim".to_owned(), claim.clone())));
    assert!(names.len() > 25, "{names:?}");
    for (kind, name) in names {
        let mut world = ledger();
        world.make_other(&kind, &name, "somebody");
        for _ in 0..3 {
            let decision = world.round(None);
            assert!(decision.steps.is_empty(), "{kind} {name}: {:?}", decision.steps);
            let told =
                decision.problems.iter().any(|problem| problem.remedy.contains(&format!("{kind} {name} ")));
            assert!(told, "{kind} {name} is not named: {:?}", decision.problems);
        }
        assert!(world.children.is_empty() && world.conflicts.is_empty(), "{kind} {name}");
        world.remove_other(&kind, &name);
        let (world, _) = rest(world, |_| {}, None);
        assert_eq!(world.show("pods"), made.show("pods"), "it begins by itself once {kind} {name} is gone");
    }
}
