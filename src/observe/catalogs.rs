//! What the primary's catalogs hold, as plain data: roles, databases and extensions that the spec names, and rights that it does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::ReachedPoint;
use crate::secret::SecretText;
use crate::upgrade::Reports;

use super::archive::ArchiveSeen;
use super::logical::LogicalSeen;

/// What the primary's catalogs hold.
#[derive(Clone, Debug, Default)]
pub struct DatabaseSeen {
    /// The function by which poolers look up logins; none where there is none, or where no pooler needs it.
    pub lookup: Option<LookupSeen>,
    /// Roles by name: those of the spec and of the operator, no others.
    pub roles: BTreeMap<String, RoleSeen>,
    /// Databases by name: those of the spec, no others.
    pub databases: BTreeMap<String, DatabaseFacts>,
    /// Rights that open more than a database of one's own, of roles that are not the system's.
    pub rights: Vec<RightSeen>,
    /// Extensions that the server could create; read only where the spec names some.
    pub available: Arc<BTreeMap<String, AvailableSeen>>,
    /// Pieces of SQL that failed when they were run last, by what they do.
    pub failed: BTreeMap<String, FailedSql>,
    /// Reports of a major upgrade; read only while one is under way.
    pub upgrade: Reports,
    /// How its archive does; read only where the spec asks for one.
    pub archive: Option<ArchiveSeen>,
    /// Where its recovery ended; read only of a cluster that was restored from an archive, until that is told.
    pub ended: Option<ReachedPoint>,
    /// Versions that text is sorted by on members with another image than the primary's, by pod and database, or why they are not known.
    pub orders: BTreeMap<String, Result<BTreeMap<String, String>, String>>,
    /// Slots of replication.
    pub logical: LogicalSeen,
    /// Lines of its configuration that the server does not take.
    pub misread: Vec<Misread>,
}

/// The function by which poolers look up who may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupSeen {
    /// Its body.
    pub body: String,
    /// It is the superuser's, and open to the pooler's role alone.
    pub guarded: bool,
}

/// A line of its configuration that a server does not take: it goes on with the value before, and may not start with this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misread {
    /// The setting; empty for a line that is none.
    pub name: String,
    /// Its value in the file.
    pub value: String,
    /// What is wrong, in the server's words.
    pub error: String,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleSeen {
    /// May log in.
    pub login: bool,
    /// `CREATEDB`.
    pub create_db: bool,
    /// `CREATEROLE`.
    pub create_role: bool,
    /// `REPLICATION`.
    pub replication: bool,
    /// `BYPASSRLS`.
    pub bypass_rls: bool,
    /// The stored SCRAM verifier, or the beginning of what is too long to be one.
    pub verifier: Option<SecretText>,
    /// It is a member of `pg_monitor`.
    pub monitors: bool,
    /// Its sessions begin with `search_path` at the catalogs alone.
    pub catalogs_first: bool,
}

/// A right that the spec can't give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightSeen {
    /// The role that has it, as far as its name is text.
    pub role: String,
    /// Its number, by which it is meant: a name may be text of another encoding.
    pub oid: u32,
    /// What it is.
    pub right: Right,
}

/// A right that the spec can't give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// `SUPERUSER`.
    Superuser,
    /// `REPLICATION`, which reads all data.
    Replication,
    /// It is a member of a role that runs programs, reads what others own, or is the system's.
    Member {
        /// That role.
        of: String,
        /// Number of the role that granted it.
        grantor: u32,
    },
}

/// An extension that the server could create, in its default version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailableSeen {
    /// It can be moved to another schema.
    pub relocatable: bool,
    /// The one schema that it can be in.
    pub schema: Option<String>,
    /// Extensions that it needs.
    pub requires: Vec<String>,
    /// Its versions; the list is cut where it is long.
    pub versions: Vec<String>,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Its owner.
    pub owner: String,
    /// Rights on it were set once: a database that is just created is open to every role.
    pub restricted: bool,
    /// Why nobody can connect to it.
    pub closed: Option<Closed>,
    /// How it was made.
    pub made: MadeAs,
    /// What is in it; looked at only where the spec names extensions.
    pub inside: Inside,
}

/// How a database was made, and what its order of text was and is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeAs {
    /// Encoding, as the server writes it; empty where it is not known.
    pub encoding: String,
    /// Who knows its locale: `c` for the C library, `i` for ICU, `b` for PostgreSQL itself.
    pub provider: String,
    /// Its locale, by that provider's name.
    pub locale: String,
    /// Version of that provider that its indexes were made with; none where there is none to tell.
    pub order: Option<String>,
    /// Version that the server has now.
    pub order_now: Option<String>,
    /// Why that could not be asked.
    pub order_unread: Option<String>,
}

/// Why nobody can connect to a database, not even a superuser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// `ALLOW_CONNECTIONS false`.
    ByOwner,
    /// A `DROP DATABASE` that was cut left it behind.
    HalfDropped,
}

/// What is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inside {
    /// Nobody has to know.
    #[default]
    NotAsked,
    /// It could not be looked at, and why.
    Unread(String),
    /// It was looked at, if not in this round.
    Read(Contents),
}

impl Inside {
    /// What is there, if it is known.
    pub fn contents(&self) -> Option<&Contents> {
        match self {
            Inside::Read(contents) => Some(contents),
            Inside::NotAsked | Inside::Unread(_) => None,
        }
    }
}

/// Extensions of a database, and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Schema of each extension.
    pub extensions: BTreeMap<String, String>,
    /// Version of each extension.
    pub versions: BTreeMap<String, String>,
    /// Schemas that matter to them and are there; true where none but superusers can make anything in it.
    pub schemas: BTreeMap<String, bool>,
}

/// A piece of SQL that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSql {
    /// Why, in the server's words.
    pub cause: String,
    /// When it is tried again.
    pub again: Timestamp,
    /// How often it failed in a row.
    pub times: u32,
}
