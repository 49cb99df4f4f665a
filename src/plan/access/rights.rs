//! Rights that the spec can't give, taken back: nobody is superuser but the system's own role, nobody runs programs or reads files of
//! the server, nobody replicates or is a member of a system role whom the spec does not name so.
//!
//! It is no barrier: who was superuser for a moment may have left more behind. So it is told, for a person to look.

use crate::observe::{DatabaseSeen, Right, RightSeen};

use super::super::step::SqlTask;
use super::task;

/// SQL that takes them back. Roles are meant by number, since a name need not be text that can be sent.
pub fn taken_back(seen: &DatabaseSeen) -> Vec<SqlTask> {
    seen.rights.iter().map(|found| task("postgres", summary(found), vec![statement(found)])).collect()
}

/// What was found, in words.
pub fn told(found: &RightSeen) -> String {
    let role = &found.role;
    match &found.right {
        Right::Superuser => format!("role {role} is superuser"),
        Right::Replication => format!("role {role} may replicate"),
        Right::Member { of, grantor: _ } => format!("role {role} is a member of {of}"),
    }
}

fn summary(found: &RightSeen) -> String {
    let role = &found.role;
    match &found.right {
        Right::Superuser => format!("take SUPERUSER from role {role}, which nothing in the spec gives it"),
        Right::Replication => {
            format!("take REPLICATION from role {role}, which nothing in the spec gives it")
        }
        Right::Member { of, grantor: _ } => {
            format!("take the membership in {of} from role {role}, which nothing in the spec gives it")
        }
    }
}

fn statement(found: &RightSeen) -> String {
    let change = match &found.right {
        Right::Superuser => "'ALTER ROLE %I NOSUPERUSER', r.rolname".to_owned(),
        Right::Replication => "'ALTER ROLE %I NOREPLICATION', r.rolname".to_owned(),
        // From 16 on a grant is its grantor's, and is taken back in his name.
        Right::Member { of, grantor } => format!(
            "'REVOKE %I FROM %I GRANTED BY %I CASCADE', {}, r.rolname, pg_catalog.pg_get_userbyid({grantor})",
            postgres_protocol::escape::escape_literal(of)
        ),
    };
    let number = found.oid;
    format!(
        "DO $$ BEGIN EXECUTE (SELECT pg_catalog.format({change}) FROM pg_catalog.pg_authid r WHERE r.oid = {number}); END $$"
    )
}
