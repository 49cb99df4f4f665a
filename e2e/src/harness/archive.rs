//! The archive of WAL and copies: an emulator of a bucket, and pgBackRest as a member has it.

use crate::broken::{Broken, Kept};
use crate::ensure;

use super::child;
use super::cluster::Cluster;
use super::stage::Stage;

/// pgBackRest on the cluster's own part of the archive.
const BACKREST: &str = r#"set -e; conf=/etc/stylobate/archive/pgbackrest.conf
stanza=$(sed -n "s/^\[\([^]:]*\)\]$/\1/p" $conf | grep -v "^global$")
exec pgbackrest --config=$conf --stanza="$stanza" "$@""#;

impl Stage {
    /// An emulator of Google Cloud Storage in the suite's namespace, with the bucket `wal`. It is built and loaded once, so only one
    /// suite at a time sees to that.
    ///
    /// # Errors
    /// What `local/gcs.sh` says.
    pub async fn bucket(&self) -> Kept {
        let _gcs = self.world.room.only("gcs").await?;
        child::output(&self.world.root, &["local/gcs.sh", &self.namespace]).await?;
        Ok(())
    }
}

/// pgBackRest with these arguments, on the member that takes writes.
///
/// # Errors
/// What it says.
pub async fn backrest(cluster: &Cluster<'_>, arguments: &[&str]) -> Kept<String> {
    let mut command = vec!["sh", "-c", BACKREST, "sh"];
    command.extend(arguments);
    cluster.run(&cluster.primary().await?, &command).await
}

/// A segment is in the archive.
///
/// # Errors
/// When it is not.
pub async fn holds(cluster: &Cluster<'_>, segment: &str) -> Kept {
    let archive =
        cluster.status().await?.archive.ok_or_else(|| Broken::new("the status tells of no archive"))?;
    let all = backrest(cluster, &["repo-ls", "--recurse", &format!("archive/{}", archive.stanza)]).await?;
    ensure!(all.contains(&format!("/{segment}-")), "segment {segment} is not in the archive");
    Ok(())
}

/// The segment that is written to now.
///
/// # Errors
/// When no member takes writes.
pub async fn segment(cluster: &Cluster<'_>) -> Kept<String> {
    cluster.on_primary("postgres", "select pg_walfile_name(pg_current_wal_lsn())").await
}

/// The primary's clock, as RFC 3339 has it.
///
/// # Errors
/// When no member takes writes.
pub async fn server_time(cluster: &Cluster<'_>) -> Kept<String> {
    let clock = r#"select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    cluster.on_primary("postgres", clock).await
}
