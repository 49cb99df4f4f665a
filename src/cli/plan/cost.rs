//! Who is disrupted by a step, and for how long at most. Each bound is one that the code enforces; how long it takes as a
//! rule stands in `docs/benchmarks.md`.

use crate::build::GRACE_SECONDS;
use crate::child::Kind;
use crate::name::ClusterName;
use crate::patroni::{RESTART_LIMIT, SWITCHOVER_TIMEOUT};
use crate::plan::Step;

/// What a step costs those who use the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Who notices.
    pub who: String,
    /// Seconds at most; none when nothing bounds it.
    pub seconds: Option<u64>,
    /// Where the number comes from.
    pub source: String,
}

/// The cost of a step; none when nobody notices. `deadline`: seconds that a member may take to be ready again.
pub fn cost(step: &Step, name: &ClusterName, deadline: u64) -> Option<Cost> {
    let (group, pooler) = (name.group(0), name.pooler());
    let (primary_service, replicas) = (group.primary(), group.replicas());
    let reads = |pod: &str| {
        format!("sessions with {pod} (Service {replicas}, reads through {pooler}); others serve reads")
    };
    let writes =
        |pod: &str| format!("writes, and sessions with {pod} (Services {primary_service} and {pooler})");
    let cost = |who, seconds, source| Some(Cost { who, seconds: Some(seconds), source });
    match step {
        Step::ReplacePod { pod, primary, .. } => {
            let (stop, start) = (GRACE_SECONDS.unsigned_abs(), deadline);
            let source = format!(
                "a pod has {stop} s to stop (its grace period) and {start} s to be ready again (spec.maintenance.\
                 memberDeadlineSeconds; after that the rollout stands still and says so)"
            );
            cost(if *primary { writes(pod) } else { reads(pod) }, stop + start, source)
        }
        Step::RestartServer { pod, primary, .. } => {
            let limit = RESTART_LIMIT.as_secs();
            let source = format!("Patroni is given {limit} s to restart Postgres in its pod");
            cost(if *primary { writes(pod) } else { reads(pod) }, limit, source)
        }
        Step::Switchover { from, .. } => {
            let limit = SWITCHOVER_TIMEOUT.as_secs();
            cost(writes(from), limit, format!("Patroni gives a switchover up after {limit} s at most"))
        }
        Step::BeginUpgrade { .. } => Some(Cost {
            who: "everybody: from here to the start of the new server nobody is served (17 s in a test with little data)".into(),
            seconds: None,
            source: String::new(),
        }),
        Step::BeginRestore { .. } => Some(Cost {
            who: "everybody: from here until the first member runs on its clone nobody is served".into(),
            seconds: None,
            source: String::new(),
        }),
        Step::Apply { cause: Some(_), .. } => Some(Cost {
            who: format!("sessions of one pod of {pooler} at a time (Service {pooler})"),
            seconds: None,
            source: String::new(),
        }),
        Step::HandOverVolume { .. } | Step::ForgetVolumes { .. } => Some(Cost {
            who: "nobody; the data of before the restore in place is gone".into(),
            seconds: None,
            source: String::new(),
        }),
        Step::Withdraw { reference, .. } if reference.kind == Kind::Deployment => Some(Cost {
            who: "clients of that pooler: their sessions end".into(),
            seconds: None,
            source: String::new(),
        }),
        Step::Delete { .. } | Step::StopPod { .. } => {
            Some(Cost { who: "everybody: it is removed".into(), seconds: None, source: String::new() })
        }
        Step::Guard
        | Step::Unguard
        | Step::Mint(_)
        | Step::Apply { cause: None, .. }
        | Step::Withdraw { .. }
        | Step::ReleasePods { .. }
        | Step::Expand { .. }
        | Step::ImportSnapshot { .. }
        | Step::CloneVolume { .. }
        | Step::ForgetSnapshot { .. }
        | Step::ClearPatroni { .. }
        | Step::SettleVolume { .. }
        | Step::DropOrders { .. }
        | Step::RetireVolume { .. }
        | Step::RefreshFiles { .. }
        | Step::MarkPod { .. }
        | Step::ResizePod { .. }
        | Step::Configure { .. }
        | Step::StoreSettings { .. }
        | Step::Sql { .. }
        | Step::CreateBackup { .. }
        | Step::RecordMissed { .. }
        | Step::DeleteBackup { .. }
        | Step::NoteKept { .. }
        | Step::RequestDrill { .. }
        | Step::ReleaseClaim { .. } => None,
    }
}
