//! SQL of a step, run in one session.

use tokio::task::spawn_blocking;

use crate::plan::SqlTask;
use crate::sql::Ways;
use crate::sql::session::Error;

/// Runs all statements of a task on a member, in order. A failure ends the session, and what was not committed is undone.
///
/// # Errors
/// Those of the session.
pub async fn run(ways: &Ways, pod: &str, task: &SqlTask) -> Result<(), Error> {
    let session = ways.session(pod, &task.database).await?;
    for statement in &task.statements {
        // A password is hashed 4096 times over: that is no work for the loop that serves all clusters.
        let own = statement.clone();
        let sql = match &statement.password {
            None => statement.sql(),
            Some(_) => spawn_blocking(move || own.sql()).await.expect("hashing does not panic"),
        };
        session.execute(sql.expose()).await?;
    }
    Ok(())
}
