//! What lanes side by side owe each other, as locks on files, so that shell suites keep them too (`tests/e2e/lib.sh`):
//!
//! - **storm**: one promise ends operators or cordons a node. The clocks of all others stand still meanwhile.
//! - **calm**: no storm begins while such a promise is proved, as that nothing is written.
//! - **slot**: the fleet has one disruption slot, so planned rollouts of two suites would wait for each other.
//! - **gcs**: the emulator of a bucket is built and loaded once.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How often a lock that somebody else has is asked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// The locks of one run, in a folder of their own.
pub struct Room {
    dir: PathBuf,
}

/// A lock that is held until this is dropped.
#[must_use]
pub struct Hold {
    _files: Vec<File>,
}

impl Room {
    /// In this folder, which exists.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where the locks are.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// No storm begins while it is held. Waits behind one that waits, so that none starves.
    ///
    /// # Errors
    /// When the folder is gone.
    pub async fn calm(&self) -> io::Result<Hold> {
        let _gate = self.alone("gate").await?;
        Ok(Hold { _files: vec![self.lock("calm", File::try_lock_shared).await?] })
    }

    /// Waits until no promise needs calm; none begins while it is held.
    ///
    /// # Errors
    /// When the folder is gone.
    pub async fn storm(&self) -> io::Result<Hold> {
        Ok(Hold { _files: vec![self.alone("gate").await?, self.alone("calm").await?] })
    }

    /// The only one with this lock: `slot` or `gcs`.
    ///
    /// # Errors
    /// When the folder is gone.
    pub async fn only(&self, name: &str) -> io::Result<Hold> {
        Ok(Hold { _files: vec![self.alone(name).await?] })
    }

    /// Whether somebody holds a storm. A file that can't be opened is no storm.
    pub fn stormy(&self) -> bool {
        let Ok(file) = self.open("calm") else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    async fn alone(&self, name: &str) -> io::Result<File> {
        self.lock(name, File::try_lock).await
    }

    async fn lock(&self, name: &str, attempt: fn(&File) -> Result<(), TryLockError>) -> io::Result<File> {
        let file = self.open(name)?;
        loop {
            match attempt(&file) {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(AGAIN).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<File> {
        File::options().create(true).truncate(false).write(true).open(self.dir.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn room(name: &str) -> Room {
        let dir = std::env::temp_dir().join(format!("e2e-room-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Room::new(dir)
    }

    #[tokio::test]
    async fn a_storm_waits_for_calm_and_calm_for_a_storm() {
        let room = room("storm");
        let (first, second) = (room.calm().await.unwrap(), room.calm().await.unwrap());
        let mut storm = Box::pin(room.storm());
        assert!(storm.as_mut().now_or_never().is_none(), "two promises need calm");
        assert!(!room.stormy());
        let mut third = Box::pin(room.calm());
        assert!(third.as_mut().now_or_never().is_none(), "who comes later waits behind the storm");
        drop((first, second));
        let held = storm.await.unwrap();
        assert!(room.stormy());
        drop(held);
        assert!(!room.stormy());
        let _third = third.await.unwrap();
        std::fs::remove_dir_all(room.dir()).unwrap();
    }

    #[tokio::test]
    async fn one_has_the_slot() {
        let room = room("slot");
        let held = room.only("slot").await.unwrap();
        let mut other = Box::pin(room.only("slot"));
        assert!(other.as_mut().now_or_never().is_none());
        assert!(!room.stormy(), "a slot is no storm");
        drop(held);
        let _other = other.await.unwrap();
        std::fs::remove_dir_all(room.dir()).unwrap();
    }
}
