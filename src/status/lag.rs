//! How far a member is behind: exact for the metric, coarse for the status.

use crate::observe::MemberSeen;

/// Below this a lag is not worth a write: Patroni too lets a replica with less take over (`maximum_lag_on_failover`).
const NOTABLE: i64 = 16 * 1024 * 1024;

/// Bytes of WAL that `member` has yet to receive; none when either position is not known.
///
/// The two were asked one after the other, so a replica can seem ahead: that is no lag.
pub fn behind(primary: &MemberSeen, member: &MemberSeen) -> Option<i64> {
    Some(primary.position?.saturating_sub(member.position?).max(0))
}

/// The same for the status: 0 below 16 MiB, else rounded up to a power of two, so that the status of a busy cluster keeps
/// still.
pub fn coarse(bytes: i64) -> i64 {
    if bytes < NOTABLE {
        return 0;
    }
    u64::try_from(bytes)
        .ok()
        .and_then(u64::checked_next_power_of_two)
        .and_then(|bytes| i64::try_from(bytes).ok())
        .unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i64 = 1024 * 1024;

    #[test]
    fn the_usual_jitter_of_a_busy_replica_does_not_move_the_status() {
        assert_eq!([0, 1, 800, 15 * MIB].map(coarse), [0; 4]);
        assert_eq!([33 * MIB, 40 * MIB, 64 * MIB].map(coarse), [64 * MIB; 3]);
    }

    #[test]
    fn a_lag_is_never_shown_smaller_than_it_is() {
        for bytes in [16 * MIB, 17 * MIB, 100 * MIB, 5000 * MIB, i64::MAX] {
            assert!(coarse(bytes) >= bytes, "{bytes}");
        }
    }

    #[test]
    fn a_member_whose_position_is_not_known_has_no_lag_rather_than_none_to_speak_of() {
        let at = |position| MemberSeen { position, ..MemberSeen::default() };
        assert_eq!(behind(&at(Some(100)), &at(None)), None);
        assert_eq!(behind(&at(Some(100)), &at(Some(60))), Some(40));
        assert_eq!(behind(&at(Some(100)), &at(Some(160))), Some(0));
    }
}
