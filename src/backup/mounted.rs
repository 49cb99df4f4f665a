//! Where a member's own configuration of the archive leads, beside where a backup is. A member has the configuration as a mounted Secret: after an
//! edit the kubelet brings it a minute or so later, and a paused cluster has the one of before for as long as it is paused. What a
//! member that looks elsewhere doesn't find is not lost.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::api::Archive;
use crate::engine::paths;
use crate::sql::session::{Error, Session};

/// Longest time for one answer: pgBackRest gives up a question to the archive after a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// What is answered in the place of a member that looks elsewhere.
const ELSEWHERE: &str = "the member that takes writes still has the configuration of another archive: it is asked again once the kubelet has brought it the new one";

/// A folder of a bucket, as pgBackRest's configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// `repo1-gcs-bucket`.
    pub bucket: String,
    /// `repo1-path`.
    pub path: String,
}

impl Mounted {
    /// Where this archive is; none of one on a volume, which no running pod can exchange for another.
    pub fn of(archive: &Archive) -> Option<Self> {
        let gcs = archive.gcs.as_ref()?;
        Some(Self { bucket: gcs.bucket.clone(), path: format!("/{}", gcs.prefix) })
    }
}

fn statement() -> String {
    format!(
        "SELECT (pg_catalog.regexp_match(c, '^repo1-gcs-bucket=(.*)$', 'n'))[1], \
         (pg_catalog.regexp_match(c, '^repo1-path=(.*)$', 'n'))[1] \
         FROM pg_catalog.pg_read_file('{}/pgbackrest.conf', 0, 100000, true) c",
        paths::ARCHIVE
    )
}

/// True when this member looks there. The passphrase, which is in the same file, does not leave the server.
///
/// # Errors
/// Those of the session.
async fn leads_to(session: &Session, place: Option<&Mounted>) -> Result<bool, Error> {
    let Some(place) = place else { return Ok(true) };
    let rows = session.query(&statement()).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let (bucket, path): (Option<String>, Option<String>) = (session.column(row, 0)?, session.column(row, 1)?);
    Ok(bucket.as_ref() == Some(&place.bucket) && path.as_ref() == Some(&place.path))
}

/// Has a program of the member's image run by this statement, and gives back what it answered in the file; a cause when there is no answer, as
/// when the member looks elsewhere, before it or after it: the configuration may have been exchanged just then.
///
/// # Errors
/// Those of the session.
pub async fn answer<T: DeserializeOwned>(
    session: &Session,
    place: Option<&Mounted>,
    program: &str,
    statement: &str,
    file: &str,
) -> Result<Result<T, String>, Error> {
    if !leads_to(session, place).await? {
        return Ok(Err(ELSEWHERE.into()));
    }
    session.execute_within(statement, ANSWER_TIMEOUT).await?;
    if !leads_to(session, place).await? {
        return Ok(Err(ELSEWHERE.into()));
    }
    let file = format!("SELECT pg_catalog.pg_read_binary_file('{file}', 0, 10000, true)");
    let bytes: Option<Vec<u8>> = session.first(&session.query(&file).await?)?;
    Ok(read(program, &bytes.unwrap_or_default()))
}

/// An answer as the program wrote it.
///
/// # Errors
/// Why it is none.
pub fn read<T: DeserializeOwned>(program: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|cause| format!("{program} gave no answer that can be read: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_place_is_named_as_the_configuration_of_members_names_it() {
        let archive = |value| serde_json::from_value::<Archive>(value).unwrap();
        let bucket = archive(json!({"gcs": {"bucket": "wal", "prefix": "shop/c"}}));
        let place = Mounted::of(&bucket).unwrap();
        assert_eq!((place.bucket.as_str(), place.path.as_str()), ("wal", "/shop/c"));
        assert_eq!(Mounted::of(&archive(json!({"volume": {"claim": "x"}}))), None);
    }
}
