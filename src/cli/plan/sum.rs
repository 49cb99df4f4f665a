//! What a plan comes to: which servers restart and how often, and how long writes stop at most.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::foresee::Foreseen;
use crate::name::ClusterName;
use crate::plan::Step;

use super::cost::cost;

/// The sum of all steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How often each server restarts, by pod.
    restarts: BTreeMap<String, usize>,
    /// Where the primary's restart stands among them.
    primary: Option<Place>,
    /// Every member restarts as often as each other.
    all: bool,
    /// How often writes stop.
    stops: usize,
    /// Seconds for which they stop at most, in all; none where nothing bounds it.
    seconds: Option<u64>,
}

/// Which of several restarts one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Last,
}

impl Sum {
    /// The sum of these steps, for a cluster with these members.
    pub fn of(steps: &[Foreseen], members: &[String], name: &ClusterName, deadline: u64) -> Self {
        let mut sum = Sum { seconds: Some(0), ..Sum::default() };
        let mut order = Vec::new();
        for Foreseen { step, primary, .. } in steps {
            if let Step::ReplacePod { pod, .. } | Step::RestartServer { pod, .. } = step {
                *sum.restarts.entry(pod.clone()).or_default() += 1;
                order.push(*primary);
            }
            if stops_writes(step) {
                sum.stops += 1;
                let bound = cost(step, name, deadline).and_then(|cost| cost.seconds);
                sum.seconds = sum.seconds.zip(bound).map(|(all, one)| all + one);
            }
        }
        let first = sum.restarts.values().next();
        sum.all = !members.is_empty()
            && members.iter().all(|member| sum.restarts.get(member) == first && first.is_some());
        sum.primary = match order.as_slice() {
            [.., true] if sum.restarts.len() > 1 => Some(Place::Last),
            [true, ..] if sum.restarts.len() > 1 => Some(Place::First),
            _ => None,
        };
        sum
    }

    /// In words.
    pub fn text(&self) -> String {
        let times = |count: usize| match count {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            more => format!("{more} times"),
        };
        let restarts = match self.restarts.values().next() {
            None => "no server restarts".to_owned(),
            Some(count) if self.all => format!("every server restarts {}", times(*count)),
            Some(_) => {
                let one = |(pod, count): (&String, &usize)| format!("{pod} restarts {}", times(*count));
                self.restarts.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        };
        let place = match self.primary {
            Some(Place::Last) => ", the primary's last",
            Some(Place::First) => ", the primary's first",
            None => "",
        };
        let writes = match (self.stops, self.seconds) {
            (0, _) => "writes do not stop".to_owned(),
            (stops, Some(seconds)) => format!("writes stop {}, at most {seconds} s in all", times(stops)),
            (stops, None) => format!("writes stop {}, for a time that nothing bounds", times(stops)),
        };
        format!("{restarts}{place}; {writes}")
    }

    /// For a pipeline.
    pub fn json(&self) -> Value {
        json!({
            "restarts": self.restarts,
            "primaryLast": self.primary == Some(Place::Last),
            "writesStop": self.stops,
            "writesStopAtMostSeconds": self.seconds,
        })
    }
}

/// True for a step during which nobody takes writes.
fn stops_writes(step: &Step) -> bool {
    match step {
        Step::Switchover { .. } | Step::BeginUpgrade { .. } | Step::BeginRestore { .. } => true,
        Step::ReplacePod { primary, .. } | Step::RestartServer { primary, .. } => *primary,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cause;

    fn restart(pod: &str, primary: bool) -> Foreseen {
        let step = Step::RestartServer {
            group: ClusterName::new("shop", "c").group(0),
            pod: pod.into(),
            primary,
            reason: "a test".into(),
            cause: Cause::Change,
        };
        Foreseen { step, round: 1, waits: None, primary }
    }

    fn told(steps: &[Foreseen]) -> String {
        let members = ["c-0", "c-1"].map(str::to_owned);
        Sum::of(steps, &members, &ClusterName::new("shop", "c"), 300).text()
    }

    #[test]
    fn it_says_who_restarts_how_often_in_which_order_and_how_long_writes_stop() {
        assert_eq!(told(&[]), "no server restarts; writes do not stop");
        assert_eq!(told(&[restart("c-1", false)]), "c-1 restarts once; writes do not stop");
        let limit = crate::patroni::RESTART_LIMIT.as_secs();
        let all = [restart("c-1", false), restart("c-0", true)];
        let writes = format!("writes stop once, at most {limit} s in all");
        assert_eq!(told(&all), format!("every server restarts once, the primary's last; {writes}"));
        let all = [restart("c-0", true), restart("c-1", false)];
        assert_eq!(told(&all), format!("every server restarts once, the primary's first; {writes}"));
        let twice = [restart("c-0", true), restart("c-0", true)];
        let writes = format!("writes stop twice, at most {} s in all", 2 * limit);
        assert_eq!(told(&twice), format!("c-0 restarts twice; {writes}"));
    }

    #[test]
    fn what_has_no_bound_makes_the_sum_one_without() {
        let upgrade = Step::BeginUpgrade {
            set: Box::new(crate::child::Child::new(crate::child::Kind::StatefulSet, "c", &Value::Null)),
            from: crate::target::Version { major: 15, minor: 1 },
            to: crate::target::Version { major: 17, minor: 1 },
        };
        let upgrade = Foreseen { step: upgrade, round: 1, waits: None, primary: false };
        let told = told(&[upgrade, restart("c-0", true)]);
        assert_eq!(told, "c-0 restarts once; writes stop twice, for a time that nothing bounds");
    }
}
