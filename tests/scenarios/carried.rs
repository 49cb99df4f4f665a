//! What others add to objects, change in them, and have them carry.

use super::scenario;

#[test]
fn what_somebody_changes_back_each_time_is_left_told_and_holds_up_nothing() {
    scenario("contested");
}

#[test]
fn labels_restart_no_server_and_the_door_outside_has_a_list() {
    scenario("marks");
}

#[test]
fn poolers_come_and_go_with_the_spec_and_change_their_kind() {
    scenario("poolers");
}
