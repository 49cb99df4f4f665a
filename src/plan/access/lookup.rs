//! The function by which a pooler looks up who may log in, in the database `postgres`, in which nobody else can make anything.

use crate::engine::hba::POOLER_ROLE;
use crate::observe::DatabaseSeen;
use crate::pooler::{LOOKUP_SCHEMA, lookup_body};

use super::super::step::SqlTask;
use super::task;

/// What makes it as it has to be; none when it is.
pub(super) fn function(seen: &DatabaseSeen) -> Option<SqlTask> {
    let body = lookup_body();
    if seen.lookup.as_ref().is_some_and(|live| live.body == body && live.guarded) {
        return None;
    }
    let function = format!("{LOOKUP_SCHEMA}.pooler_login(pg_catalog.name)");
    let statements = vec![
        format!("CREATE SCHEMA IF NOT EXISTS {LOOKUP_SCHEMA} AUTHORIZATION postgres"),
        // Made anew, since one with other names of columns can't be replaced, and rights that somebody gave go with it.
        format!("DROP FUNCTION IF EXISTS {function}"),
        format!(
            "CREATE FUNCTION {LOOKUP_SCHEMA}.pooler_login(name pg_catalog.name, OUT login pg_catalog.text, OUT verifier pg_catalog.text) \
             RETURNS SETOF record LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body${body}$body$"
        ),
        format!("REVOKE ALL ON FUNCTION {function} FROM PUBLIC"),
        format!("GRANT USAGE ON SCHEMA {LOOKUP_SCHEMA} TO {POOLER_ROLE}"),
        format!("GRANT EXECUTE ON FUNCTION {function} TO {POOLER_ROLE}"),
    ];
    Some(task("postgres", "let the pooler look up who may log in".to_owned(), statements))
}
