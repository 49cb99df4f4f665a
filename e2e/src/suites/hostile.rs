//! The cluster `prey`, whose tenant has every right that `spec.users` gives and means ill: he does not become superuser, reads nobody
//! else's database, and holds up neither the operator nor anybody beside him. What single settings and names do is tried on a real
//! server in `tests/hostile/`; here is what a whole cluster makes of it.

use serde_json::{Value, json};
use stylobate::api::{Database, PostgresClusterSpec, RoleOption, User};

use crate::broken::{Kept, same};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// A view that stands before the catalog, with a function that makes its owner superuser when a superuser reads it.
const TRAP: &str = "
CREATE SCHEMA trap;
CREATE TABLE trap.log(su text);
GRANT ALL ON SCHEMA trap TO public;
GRANT ALL ON trap.log TO public;
CREATE FUNCTION trap.spring() RETURNS name LANGUAGE plpgsql VOLATILE AS $f$
BEGIN
  INSERT INTO trap.log VALUES (pg_catalog.current_setting('is_superuser'));
  BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
  RETURN 'pgcrypto';
END $f$;
CREATE VIEW trap.pg_extension AS SELECT trap.spring() AS extname;
CREATE VIEW trap.pg_namespace AS SELECT trap.spring() AS nspname;
ALTER DATABASE bank SET search_path = trap, pg_catalog, public;
ALTER ROLE app SET search_path = trap, pg_catalog, public";
/// What keeps a session from writing, or from being at all.
const HOLD_UP: &str = "
ALTER DATABASE bank SET default_transaction_read_only = on;
ALTER DATABASE bank SET statement_timeout = 1;
ALTER DATABASE bank SET lock_timeout = 1;
ALTER DATABASE bank SET idle_session_timeout = 1;
ALTER DATABASE bank SET role = app;
ALTER DATABASE bank SET local_preload_libraries = 'nowhere'";
/// A verifier that takes half an hour to compare.
const HEAVY: &str = "ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4294967295:MDEyMzQ1Njc4OWFiY2RlZg==\
    $MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='";

/// Its promises.
pub async fn prove(stage: &Stage) {
    let prey = &stage.cluster("prey");
    stage
        .promise("an owner's traps in the operator's way make him no superuser", async || traps(prey).await)
        .await;
    stage
        .promise("settings that a tenant defaults do not hold up what the spec asks for", async || {
            defaults(prey).await
        })
        .await;
    stage
        .promise(
            "a password of four billion iterations is put back, and the operator serves on",
            async || heavy_password(prey).await,
        )
        .await;
    stage
        .promise("a database that its owner closed is told, and everything else is kept", async || {
            closed(prey).await
        })
        .await;
    stage.promise("nobody reads another's database", async || others(prey).await).await;
}

fn spec(stage: &Stage) -> PostgresClusterSpec {
    let mut spec = with_bank(small(&stage.world.versions.newest, 1));
    spec.users[0].options = vec![RoleOption::CreateDb, RoleOption::CreateRole, RoleOption::BypassRls];
    spec.databases[0].extensions = vec!["pg_trgm".into()];
    spec.users.push(user("other"));
    spec.databases.push(Database { name: "vault".into(), owner: "other".into(), ..Database::default() });
    spec
}

fn user(name: &str) -> User {
    User { name: name.into(), password: None, options: vec![], replication_from: vec![] }
}

/// The databases of the spec, `bank` with these extensions.
fn databases(extensions: &[&str]) -> Value {
    json!({"databases": [
        {"name": "bank", "owner": "app", "extensions": extensions}, {"name": "vault", "owner": "other"},
    ]})
}

/// Extensions of `bank`, by the catalog itself: a superuser who looked by name alone would step into the trap.
async fn has(prey: &Cluster<'_>, extension: &str) -> Kept {
    let asked =
        format!("SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension WHERE extname = '{extension}'");
    let inside = format!("SET search_path = pg_catalog; SET default_transaction_read_only = off; {asked}");
    let primary = prey.primary().await?;
    let options = "PGOPTIONS=-c role=none -c local_preload_libraries= -c statement_timeout=10s -c idle_session_timeout=0";
    let command = ["env", options, "psql", "-XAtq", "-U", "postgres", "-d", "bank", "-c", &inside];
    same(&format!("extensions called {extension}"), prey.run(&primary, &command).await?, "1")
}

async fn no_superuser(prey: &Cluster<'_>) -> Kept {
    let asked =
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolsuper AND rolname <> 'postgres'";
    same("superusers beside the system's own", prey.on_primary("postgres", asked).await?, "0")
}

async fn traps(prey: &Cluster<'_>) -> Kept {
    prey.make(spec(prey.stage)).await?;
    prey.becomes_healthy(120).await?;
    prey.stage.within(60, async || has(prey, "pg_trgm").await).await?;
    prey.sql(TRAP).await?;
    // The operator has to enter the database and write there.
    prey.edit(databases(&["pg_trgm", "pgcrypto"])).await?;
    prey.stage.within(60, async || has(prey, "pgcrypto").await).await?;
    no_superuser(prey).await?;
    let sprung = "SELECT pg_catalog.count(*) FROM trap.log WHERE su = 'on'";
    same("superusers who stepped into the trap", prey.sql(sprung).await?, "0")
}

async fn defaults(prey: &Cluster<'_>) -> Kept {
    prey.sql(HOLD_UP).await?;
    prey.edit(databases(&["pg_trgm", "pgcrypto", "citext"])).await?;
    prey.stage.within(60, async || has(prey, "citext").await).await?;
    no_superuser(prey).await
}

async fn heavy_password(prey: &Cluster<'_>) -> Kept {
    prey.sql_as("app", "prey-user-app", "postgres", HEAVY).await?;
    let back = async || {
        same("app", prey.sql_as("app", "prey-user-app", "postgres", "SELECT current_user").await?, "app")
    };
    prey.stage.within(90, back).await?;
    prey.stage.world.operator.leads().await
}

async fn closed(prey: &Cluster<'_>) -> Kept {
    let alter = |admits: &str| format!("ALTER DATABASE bank ALLOW_CONNECTIONS {admits}");
    prey.sql_as("app", "prey-user-app", "postgres", &alter("false")).await?;
    prey.edit(json!({"users": [
        {"name": "app", "options": ["CreateDb", "CreateRole", "BypassRls"]}, {"name": "other"}, {"name": "late"},
    ]}))
    .await?;
    prey.stage
        .within(60, async || {
            let late = prey.sql_as("late", "prey-user-late", "postgres", "SELECT current_user").await?;
            same("the user who was added", late, "late")
        })
        .await?;
    prey.comes_to_tell(60, "DatabasesOk", "bank").await?;
    same("Converged", prey.condition("Converged").await?.status, "False")?;
    prey.sql_as("app", "prey-user-app", "postgres", &alter("true")).await?;
    prey.stage.within(60, async || same("Converged", prey.condition("Converged").await?.status, "True")).await
}

async fn others(prey: &Cluster<'_>) -> Kept {
    for secret in ["SELECT 1", "CREATE TABLE mine()"] {
        let said = prey.sql_as("app", "prey-user-app", "vault", secret).await;
        ensure!(said.is_err(), "app is let into the database of other: {said:?}");
    }
    same("other", prey.sql_as("other", "prey-user-other", "vault", "SELECT current_user").await?, "other")
}
