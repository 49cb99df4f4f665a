//! Settings that are asked of the server itself before they are sent: each is set for the time of one statement, in a session of the
//! operator.
//!
//! That is the server's own check, of the version that runs and with the libraries that it has. It can be asked of what a session may
//! set; what only the configuration may set (a restart, a reload) can be tried by nobody over SQL but `ALTER SYSTEM`, which writes it down. For those
//! there is our own check (`src/tuning/`), and what the server said of its file afterwards (`pg_file_settings`).

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;

use crate::sql::Ways;
use crate::sql::session::Error;
use crate::target::tuned;

use super::facts::Observed;
use super::server::{ServerCache, ServerKey};

/// A session judges them by the database `postgres`, or by what other settings are now, and a file does not.
const ELSEWHERE: [&str; 11] = [
    "client_encoding",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "log_executor_stats",
    "log_parser_stats",
    "log_planner_stats",
    "log_statement_stats",
    "role",
    "search_path",
    "temp_tablespaces",
];
/// Sets it for this statement alone, where a session may set it at all.
pub const TRY: &str = "SELECT pg_catalog.set_config(s.name, $2, true) IS NULL FROM pg_catalog.pg_settings s \
    WHERE pg_catalog.lower(s.name) = $1 AND s.context IN ('user', 'superuser')";
/// Most that are asked in a round; the others are in the next.
const ROUND: usize = 200;

/// Asks the primary for what ConfigMaps set and it was not asked for since it started. One that can't be asked is asked in the next round.
///
/// # Errors
/// Those of the session, but for the server's own no.
pub async fn ask(
    seen: &Observed,
    ways: &Ways,
    primary: &str,
    key: &ServerKey,
    cache: &ServerCache,
) -> Result<(), Error> {
    let tried = cache.tried(key);
    let overlay = tuned(seen).postgres.overlay;
    let asked: Vec<(String, String)> = overlay
        .into_iter()
        .filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()))
        .map(|(name, kept)| (name, kept.value))
        .filter(|pair| !tried.contains_key(pair))
        .take(ROUND)
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let session = ways.session(primary, "postgres").await?;
    let mut answers = BTreeMap::new();
    for (name, value) in asked {
        let said = session.query_with(TRY, &[&name, &value]).await;
        let refused = match said {
            Ok(_) => None,
            // What the server says of a statement is its answer; where the way to it is cut, there is none.
            Err(Error::Statement { cause, code: Some(code), .. })
                if code == SqlState::INVALID_PARAMETER_VALUE =>
            {
                Some(cause)
            }
            Err(other) => return Err(other),
        };
        answers.insert((name, value), refused);
    }
    cache.note_tried(key, answers);
    Ok(())
}
