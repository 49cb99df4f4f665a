//! When members may be disturbed on purpose, and by whom: windows, slots, a person's wish, a node that is emptied.

use super::scenario;

#[test]
fn a_restart_that_a_person_asks_for_makes_every_member_anew_once() {
    scenario("restart");
}

#[test]
fn a_change_waits_for_its_window_and_a_repair_does_not() {
    scenario("window");
}

#[test]
fn a_change_waits_while_another_cluster_is_disrupted() {
    scenario("pacing");
}

#[test]
fn a_paused_cluster_is_not_touched() {
    scenario("pause");
}

#[test]
fn a_node_that_is_emptied_loses_the_primary_first() {
    scenario("drain");
}

#[test]
fn other_nodes_get_the_pooler_first_and_then_members_one_by_one() {
    scenario("move");
}

#[test]
fn a_smaller_set_keeps_the_members_that_live() {
    scenario("lost-node-scale");
}

#[test]
fn while_two_members_claim_to_lead_nobody_is_disrupted() {
    scenario("two-primaries");
}
