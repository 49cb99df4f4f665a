//! The typed `PostgresBackup` as a promise sees it.

use kube::Api;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stylobate::api::{BackupMethod, BackupPhase, BackupStatus, PostgresBackup};

use crate::broken::{Kept, same};
use crate::ensure;

use super::stage::Stage;

/// A backup of the suite's namespace.
pub struct Backup<'a> {
    /// Where it is.
    pub stage: &'a Stage,
    /// Its name.
    pub name: String,
    api: Api<PostgresBackup>,
}

impl Stage {
    /// A backup of this name, whether it is there or not.
    pub fn backup(&self, name: &str) -> Backup<'_> {
        Backup { stage: self, name: name.to_owned(), api: self.backups() }
    }

    /// All backups of a cluster.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn backups_of(&self, cluster: &str) -> Kept<Vec<PostgresBackup>> {
        let all = self.backups().list(&ListParams::default()).await?;
        Ok(all.items.into_iter().filter(|backup| backup.spec.cluster == cluster).collect())
    }

    fn backups(&self) -> Api<PostgresBackup> {
        Api::namespaced(self.world.client.clone(), &self.namespace)
    }
}

/// Where a backup stands; none before the operator saw it.
pub fn phase(backup: &PostgresBackup) -> Option<BackupPhase> {
    backup.status.as_ref().map(|status| status.phase)
}

impl Backup<'_> {
    /// Asks for one of a cluster.
    ///
    /// # Errors
    /// When the API server refuses it, with its words.
    pub async fn make(&self, cluster: &str, method: BackupMethod) -> Kept {
        let spec = serde_json::from_value(json!({"cluster": cluster, "method": method}))?;
        self.api.create(&PostParams::default(), &PostgresBackup::new(&self.name, spec)).await?;
        Ok(())
    }

    /// Its identity.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn uid(&self) -> Kept<String> {
        Ok(self.api.get(&self.name).await?.uid().unwrap_or_default())
    }

    /// Its status.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn status(&self) -> Kept<BackupStatus> {
        Ok(self.api.get(&self.name).await?.status.unwrap_or_default())
    }

    /// It stands there.
    ///
    /// # Errors
    /// Where it stands instead, and why.
    pub async fn is(&self, wanted: BackupPhase) -> Kept {
        let status = self.status().await?;
        same(
            &format!("the phase of {} ({})", self.name, status.reason.unwrap_or_default()),
            status.phase,
            wanted,
        )
    }

    /// Waits until it succeeded; one that failed is not waited for.
    ///
    /// # Errors
    /// Where it stands instead.
    pub async fn succeeds(&self, seconds: u32) -> Kept<BackupStatus> {
        let ended = async || {
            let status = self.status().await?;
            ensure!(status.phase.is_over(), "{} is {:?}", self.name, status.phase);
            Ok(status)
        };
        let status = self.stage.within(seconds, ended).await?;
        self.is(BackupPhase::Succeeded).await?;
        Ok(status)
    }

    /// Edits the object by a merge patch.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn patch(&self, patch: Value) -> Kept {
        self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits until the object is gone.
    ///
    /// # Errors
    /// When it stays.
    pub async fn goes(&self, seconds: u32) -> Kept {
        if self.api.get_opt(&self.name).await?.is_some() {
            self.api.delete(&self.name, &DeleteParams::default()).await?;
        }
        self.stage.within(seconds, async || self.is_gone().await).await
    }

    /// The object is gone.
    ///
    /// # Errors
    /// When it is there.
    pub async fn is_gone(&self) -> Kept {
        ensure!(self.api.get_opt(&self.name).await?.is_none(), "backup {} is still there", self.name);
        Ok(())
    }
}
