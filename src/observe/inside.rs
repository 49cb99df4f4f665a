//! What is in the databases of the spec. They are other people's, so they are entered seldom: at first sight, when something that the
//! spec names is missing there, and now and then. What one of them does not show is told of that one alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::api::{Database, PostgresClusterSpec};
use crate::sql::Ways;
use crate::sql::session::{Error, Session};

use super::catalogs::{AvailableSeen, Contents, DatabaseSeen, Inside};
use super::server::{ServerCache, ServerKey};

/// How long what was seen in a database counts. An extension that its owner drops is made anew after this.
const COUNTS: Duration = Duration::from_secs(10 * 60);
/// Longest time for all looks of a round. Who holds up one of them, as by a VACUUM FULL of his catalogs, must not hold up what
/// else there is to do; whose turn does not come is looked at first in the next round.
const ROUND: Duration = Duration::from_secs(10);

/// Schema that extensions come to.
pub const EXTENSIONS_SCHEMA: &str = "public";

/// Extensions and their schemas. A database has few: a hundred are in use anywhere.
const EXTENSIONS: &str = "SELECT e.extname::text, n.nspname::text, e.extversion::text FROM pg_catalog.pg_extension e \
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace LIMIT 1000";
/// Schemas, and whether none but superusers can make anything in them.
const SCHEMAS: &str = "SELECT n.nspname::text, o.rolsuper AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a \
        WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner) \
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_authid o ON o.oid = n.nspowner WHERE n.nspname = ANY ($1::text[])";

/// What was seen in a database, and when it was tried last.
#[derive(Clone, Debug)]
pub struct Look {
    tried: Instant,
    seen: Option<(Instant, Contents)>,
}

/// Looks into the databases of which somebody has to know what is in them. `numbers` are their OIDs: another database may bear
/// the same name by now.
pub async fn look(
    ways: &Ways,
    primary: &str,
    spec: &PostgresClusterSpec,
    server: &ServerKey,
    cache: &ServerCache,
    numbers: &BTreeMap<String, u32>,
    found: &mut DatabaseSeen,
) {
    let began = Instant::now();
    let known = cache.looks(server);
    let mut wanted: Vec<(&Database, u32)> = spec
        .databases
        .iter()
        .filter(|database| !database.wanted_extensions().is_empty())
        .filter_map(|database| Some((database, *numbers.get(&database.name)?)))
        .collect();
    // Who was tried longest ago comes first.
    wanted.sort_by_key(|(_, number)| known.get(number).map(|look| look.tried));
    for (database, number) in wanted {
        let before = known.get(&number).and_then(|look| look.seen.as_ref());
        let counts = before
            .filter(|(at, contents)| as_wanted(database, contents) && began.duration_since(*at) < COUNTS);
        let Some(facts) = found.databases.get_mut(&database.name).filter(|facts| facts.closed.is_none())
        else {
            continue;
        };
        facts.inside = match counts {
            Some((_, contents)) => Inside::Read(contents.clone()),
            None if began.elapsed() > ROUND => Inside::Unread(
                "other databases took all the time of this round; it is its turn in the next".into(),
            ),
            None => {
                let seen = contents(ways, primary, database, &found.available).await;
                let at = Instant::now();
                let look = Look { tried: at, seen: seen.as_ref().ok().map(|seen| (at, seen.clone())) };
                cache.note_look(server, number, look);
                seen.map_or_else(|error| Inside::Unread(error.to_string()), Inside::Read)
            }
        };
    }
}

/// Whether all extensions are where and as the spec says.
fn as_wanted(database: &Database, contents: &Contents) -> bool {
    let there = database.wanted_extensions().iter().all(|name| contents.extensions.contains_key(name));
    there
        && database.extension_options.iter().all(|options| {
            let schema = options
                .schema
                .as_ref()
                .is_none_or(|schema| contents.extensions.get(&options.name) == Some(schema));
            let version = options
                .version
                .as_ref()
                .is_none_or(|version| contents.versions.get(&options.name) == Some(version));
            schema && version
        })
}

async fn contents(
    ways: &Ways,
    primary: &str,
    database: &Database,
    available: &BTreeMap<String, AvailableSeen>,
) -> Result<Contents, Error> {
    let session: Session = ways.session(primary, &database.name).await?;
    let rows = session.query(EXTENSIONS).await?;
    let extensions: BTreeMap<String, String> = rows
        .iter()
        .map(|row| Ok((session.column(row, 0)?, session.column(row, 1)?)))
        .collect::<Result<_, Error>>()?;
    let versions = rows
        .iter()
        .map(|row| Ok((session.column(row, 0)?, session.column(row, 2)?)))
        .collect::<Result<_, Error>>()?;
    let wanted = database.wanted_extensions();
    // One that can't be moved goes to the schema that it names, or to one of its own name.
    let own = wanted
        .iter()
        .map(|name| available.get(name).and_then(|extension| extension.schema.as_ref()).unwrap_or(name));
    let chosen = database.extension_options.iter().filter_map(|options| options.schema.as_ref());
    let names: Vec<&str> =
        own.chain(chosen).chain(extensions.values()).map(String::as_str).chain([EXTENSIONS_SCHEMA]).collect();
    let rows = session.query_with(SCHEMAS, &[&names]).await?;
    let schemas = rows
        .iter()
        .map(|row| Ok((session.column(row, 0)?, session.column(row, 1)?)))
        .collect::<Result<_, Error>>()?;
    Ok(Contents { extensions, versions, schemas })
}
