//! The write stall of a backup, measured: one session writes and commits a row again and again while others are busy.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::observe::Links;
use crate::sql::session::Error;

/// Pause between two writes: short against the 100 ms that a stall may last, long against the load that it makes.
const PAUSE: Duration = Duration::from_millis(5);

/// A probe that writes.
pub struct Probe {
    stop: watch::Sender<bool>,
    task: JoinHandle<Option<Duration>>,
}

impl Probe {
    /// Begins to write. The schema is there already.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn start(links: &Links, member: &str, backup: &str) -> Result<Self, Error> {
        let session = links.session(member, "postgres").await?;
        session
            .execute(
                "CREATE TABLE IF NOT EXISTS stylobate.backup_probe (backup uuid PRIMARY KEY, writes bigint NOT NULL)",
            )
            .await?;
        session
            .execute(&format!(
                "INSERT INTO stylobate.backup_probe VALUES ('{backup}', 0) ON CONFLICT (backup) DO NOTHING"
            ))
            .await?;
        let write =
            format!("UPDATE stylobate.backup_probe SET writes = writes + 1 WHERE backup = '{backup}'");
        let remove = format!("DELETE FROM stylobate.backup_probe WHERE backup = '{backup}'");
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !*stopped.borrow() {
                let began = Instant::now();
                session.execute(&write).await.ok()?;
                longest = longest.max(began.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            session.execute(&remove).await.ok()?;
            Some(longest)
        });
        Ok(Self { stop, task })
    }

    /// Ends it. A write that is under way is waited for, since it may be the longest.
    ///
    /// Returns the longest write in ms, rounded up; none when the session broke.
    pub async fn stop(self) -> Option<i64> {
        self.stop.send_replace(true);
        let longest = self.task.await.ok()??;
        Some(longest.as_micros().div_ceil(1000) as i64)
    }
}
