//! `spec.maintenance`: when members may be restarted for a change.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::told;

/// Five fields of cron, parted by blanks: minute, hour, day of month, month, day of week.
pub(super) const FIVE_FIELDS: &str = "^ *[^ ]+( +[^ ]+){4} *$";

/// When members may be restarted for a change.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    /// Times in which a change may restart members or hand the primary's role over. With none a change is carried out at
    /// once, and what nobody asked for (pods that a newer operator would make otherwise) waits. Repairs never wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub windows: Vec<Window>,
    /// Seconds that a member may take to be ready again, 30 to 86400. After that the rollout is blocked: no further member is
    /// touched until this one is back or the spec is corrected. The default leaves room for the crash recovery of a large
    /// volume.
    #[serde(default = "default_member_deadline")]
    #[schemars(range(min = 30, max = 86400))]
    pub member_deadline_seconds: i32,
}

impl Default for Maintenance {
    fn default() -> Self {
        Self { windows: Vec::new(), member_deadline_seconds: default_member_deadline() }
    }
}

fn default_member_deadline() -> i32 {
    300
}

/// A time that comes again.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(format!("self.schedule.matches('{FIVE_FIELDS}')")).message(
    told(
        "spec.maintenance.windows[].schedule",
        "self.schedule",
        "write the five fields of cron (minute, hour, day of month, month, day of week), as 0 2 * * SUN; the time zone stands in timeZone",
    )
))]
pub struct Window {
    /// When it opens: five fields of cron (minute, hour, day of month, month, day of week), as `0 2 * * SUN`.
    #[schemars(length(min = 9, max = 128))]
    pub schedule: String,
    /// Minutes that it stays open, 15 to 10080 (a week). What began in it may end after it.
    #[schemars(range(min = 15, max = 10080))]
    pub duration_minutes: i32,
    /// Time zone of the schedule by its IANA name, as `Europe/Berlin`.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

pub(super) fn default_zone() -> String {
    "UTC".into()
}
