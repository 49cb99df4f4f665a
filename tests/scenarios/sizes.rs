//! CPU and memory of members: changed in place, in whatever spelling.

use super::scenario;

#[test]
fn a_resize_happens_in_place_and_settings_follow_it() {
    scenario("resize");
}

#[test]
fn a_quantity_may_be_spelled_in_any_way() {
    scenario("spelling");
}
