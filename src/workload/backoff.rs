//! How long to wait before connecting again: quickly at first, because waiting counts into the write gap.

use std::time::Duration;

/// The first wait: a restarted server or a moved Service may answer at once.
const FIRST: Duration = Duration::from_millis(10);
/// The longest wait: with several workers, somebody knocks every few dozen milliseconds even then.
const LONGEST: Duration = Duration::from_millis(500);

/// Doubling waits with jitter.
pub(super) struct Backoff(Duration);

impl Backoff {
    pub fn new() -> Self {
        Self(FIRST)
    }

    /// The next wait: between half of the current step and all of it, so that workers cut off together do not
    /// come back together.
    pub fn step(&mut self) -> Duration {
        let step = self.0;
        self.0 = (step * 2).min(LONGEST);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// To call when something worked.
    pub fn reset(&mut self) {
        self.0 = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over() {
        let mut backoff = Backoff::new();
        for ceiling in [10, 20, 40, 80, 160, 320, 500, 500, 500] {
            let (wait, ceiling) = (backoff.step(), Duration::from_millis(ceiling));
            assert!(wait <= ceiling && wait >= ceiling / 2, "{wait:?} of {ceiling:?}");
        }
        backoff.reset();
        assert!(backoff.step() <= FIRST);
    }
}
