//! Which part of the way a step belongs to, for the headings of a plan.

use crate::plan::Step;

/// The part of the way in words; none for what belongs to whatever it comes with.
pub fn phase(step: &Step) -> Option<&'static str> {
    match step {
        Step::Guard
        | Step::Unguard
        | Step::Mint(_)
        | Step::Apply { .. }
        | Step::Delete { .. }
        | Step::Withdraw { .. }
        | Step::ReleasePods { .. } => Some("objects"),
        Step::RefreshFiles { .. } | Step::MarkPod { .. } => None,
        Step::Expand { .. }
        | Step::ImportSnapshot { .. }
        | Step::CloneVolume { .. }
        | Step::ForgetSnapshot { .. }
        | Step::SettleVolume { .. }
        | Step::DropOrders { .. }
        | Step::RetireVolume { .. }
        | Step::HandOverVolume { .. }
        | Step::ForgetVolumes { .. } => Some("volumes"),
        Step::ResizePod { .. } | Step::Configure { .. } | Step::StoreSettings { .. } => {
            Some("sizes and settings")
        }
        Step::ReplacePod { .. }
        | Step::RestartServer { .. }
        | Step::Switchover { .. }
        | Step::StopPod { .. }
        | Step::ReleaseClaim { .. } => Some("members"),
        Step::Sql { .. }
        | Step::BeginUpgrade { .. }
        | Step::BeginRestore { .. }
        | Step::ClearPatroni { .. } => Some("data"),
        Step::CreateBackup { .. }
        | Step::RecordMissed { .. }
        | Step::DeleteBackup { .. }
        | Step::NoteKept { .. }
        | Step::RequestDrill { .. } => Some("backups"),
    }
}
