//! What can't be foreseen of a step, by name: a plan goes on as if it went well, and says so.

use crate::plan::Step;

use super::take::program;

/// What nobody can know before the step is taken, in words that follow 'not foreseen:'; none where nothing of the kind is known.
pub fn unforeseen(step: &Step) -> Option<&'static str> {
    Some(match step {
        Step::ReplacePod { .. } => {
            "whether its node, or another one, takes the pod, its image can be pulled, and Postgres starts; if not, no other \
             member is touched"
        }
        Step::Apply { cause: Some(_), .. } => {
            "whether a node takes the new pods and their image can be pulled; if not, those of before go on"
        }
        Step::ResizePod { .. } => "whether its node has room; if it never has, the pod is made anew",
        Step::Switchover { .. } => {
            "whether the member is the one that has most WAL then; another that is as wanted may take over"
        }
        Step::Expand { .. } => "whether and when the storage makes the volume larger; StorageOk tells",
        Step::ImportSnapshot { .. } => "whether the storage still has the snapshot; Restored tells",
        Step::CloneVolume { .. } => "whether the storage makes the volume, and for how long; Restored tells",
        Step::BeginRestore { .. } => {
            "how long the restore takes, and whether the backup starts; the volumes of before are kept"
        }
        Step::BeginUpgrade { .. } => {
            "how long pg_upgrade takes, and whether it succeeds; if not, the old server goes on with the old data"
        }
        Step::Sql { task, .. } => match program(task) {
            Some("check") => {
                "what the old server finds; the plan goes on as if it found nothing, else UpgradeChecked tells and nothing stops"
            }
            Some(_) => "how long it takes; clients are served meanwhile",
            None => return None,
        },
        Step::ReleaseClaim { .. } => "which member takes over",
        Step::Configure { .. } | Step::StoreSettings { .. } => {
            "what the server says of a setting that is newer than the list in this command"
        }
        Step::Guard
        | Step::Unguard
        | Step::Mint(_)
        | Step::Apply { cause: None, .. }
        | Step::Delete { .. }
        | Step::Withdraw { .. }
        | Step::ReleasePods { .. }
        | Step::StopPod { .. }
        | Step::ForgetSnapshot { .. }
        | Step::ClearPatroni { .. }
        | Step::SettleVolume { .. }
        | Step::DropOrders { .. }
        | Step::RetireVolume { .. }
        | Step::HandOverVolume { .. }
        | Step::ForgetVolumes { .. }
        | Step::RefreshFiles { .. }
        | Step::MarkPod { .. }
        | Step::RestartServer { .. }
        | Step::CreateBackup { .. }
        | Step::RecordMissed { .. }
        | Step::DeleteBackup { .. }
        | Step::NoteKept { .. }
        | Step::RequestDrill { .. } => return None,
    })
}

/// True for what follows from the clock or from what the catalogs hold, and not from the edit: a plan tells what of it is due now, and
/// foresees no more.
pub(super) fn follows_another(step: &Step) -> bool {
    match step {
        Step::CreateBackup { .. } | Step::RecordMissed { .. } | Step::RequestDrill { .. } => true,
        Step::Sql { task, .. } => program(task).is_none(),
        _ => false,
    }
}
