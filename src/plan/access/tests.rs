use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{observed, put_pods, settle, start, target};
use crate::observe::{AvailableSeen, Contents, DatabaseFacts, FailedSql, Right, RightSeen, RoleSeen};
use crate::secret::SecretText;

/// A cluster whose primary answers; its database `bank` holds what `contents` says.
fn world(extensions: Value, contents: Contents) -> Observed {
    let mut seen = observed(json!({
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app", "extensions": extensions}],
    }));
    settle(&mut seen, start());
    put_pods(&mut seen);
    let extension = |(relocatable, schema, requires): (bool, Option<&str>, &[&str])| AvailableSeen {
        relocatable,
        schema: schema.map(str::to_owned),
        requires: requires.iter().map(|name| (*name).to_owned()).collect(),
        versions: vec!["1.0".into(), "1.1".into()],
    };
    let available = [
        ("hstore", (true, None, [].as_slice())),
        ("cube", (true, None, [].as_slice())),
        ("earthdistance", (true, None, ["cube"].as_slice())),
        ("postgis", (false, None, [].as_slice())),
        ("postgis_topology", (false, Some("topology"), ["postgis"].as_slice())),
        ("pg_cron", (false, Some("pg_catalog"), [].as_slice())),
        ("ring_a", (true, None, ["ring_b"].as_slice())),
        ("ring_b", (true, None, ["ring_a"].as_slice())),
    ];
    let available = available.map(|(name, facts)| (name.to_owned(), extension(facts)));
    let bank = DatabaseFacts {
        owner: "app".into(),
        restricted: true,
        inside: Inside::Read(contents),
        ..DatabaseFacts::default()
    };
    seen.database = Some(DatabaseSeen {
        databases: BTreeMap::from([("bank".to_owned(), bank)]),
        available: Arc::new(BTreeMap::from(available)),
        ..DatabaseSeen::default()
    });
    seen
}

fn contents(extensions: &[(&str, &str)], schemas: &[(&str, bool)]) -> Contents {
    Contents {
        extensions: extensions.iter().map(|(name, schema)| ((*name).into(), (*schema).into())).collect(),
        versions: extensions.iter().map(|(name, _)| ((*name).to_owned(), "1.0".to_owned())).collect(),
        schemas: schemas.iter().map(|(name, safe)| ((*name).into(), *safe)).collect(),
    }
}

/// Statements in the database `bank`, each task in a line, and what stands in the way.
fn planned(seen: &Observed) -> (Vec<String>, Vec<String>) {
    let found = access(&target(seen), seen, seen.database.as_ref().unwrap(), start());
    let text = |task: &SqlTask| {
        task.statements.iter().map(|statement| statement.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let tasks = found.tasks.iter().filter(|task| task.database == "bank").map(text).collect();
    (tasks, found.troubles.iter().map(|trouble| format!("{}: {}", trouble.what, trouble.why)).collect())
}

#[test]
fn the_script_of_an_extension_runs_in_a_schema_of_its_own_transaction() {
    let (tasks, troubles) = planned(&world(json!(["hstore"]), contents(&[], &[("public", false)])));
    let sql = r#"BEGIN; CREATE SCHEMA stylobate_extension; CREATE EXTENSION "hstore" SCHEMA "stylobate_extension"; ALTER EXTENSION "hstore" SET SCHEMA "public"; DROP SCHEMA stylobate_extension; COMMIT"#;
    assert_eq!((tasks, troubles), (vec![sql.to_owned()], vec![]));
}

#[test]
fn what_an_extension_needs_is_met_in_that_schema_and_put_back() {
    let there = contents(&[("cube", "shapes")], &[("public", false), ("shapes", false)]);
    let (tasks, _) = planned(&world(json!(["cube", "earthdistance"]), there));
    let sql = r#"BEGIN; CREATE SCHEMA stylobate_extension; ALTER EXTENSION "cube" SET SCHEMA "stylobate_extension"; CREATE EXTENSION "earthdistance" SCHEMA "stylobate_extension"; ALTER EXTENSION "earthdistance" SET SCHEMA "public"; ALTER EXTENSION "cube" SET SCHEMA "shapes"; DROP SCHEMA stylobate_extension; COMMIT"#;
    assert_eq!(tasks, [sql]);
    // Where nobody else makes anything it stays.
    let there = contents(&[("cube", "shapes")], &[("public", false), ("shapes", true)]);
    let (tasks, _) = planned(&world(json!(["cube", "earthdistance"]), there));
    assert!(!tasks[0].contains(r#"ALTER EXTENSION "cube""#), "{tasks:?}");
    // What is not named comes along, what is named comes first and alone.
    let (tasks, _) = planned(&world(json!(["earthdistance"]), contents(&[], &[("public", false)])));
    let (cube, earth) =
        (tasks[0].find(r#"CREATE EXTENSION "cube""#), tasks[0].find(r#"CREATE EXTENSION "earth"#));
    assert!(cube.is_some() && cube < earth, "{tasks:?}");
    let (tasks, _) = planned(&world(json!(["earthdistance", "cube"]), contents(&[], &[("public", false)])));
    assert!(tasks.len() == 1 && !tasks[0].contains("earthdistance"), "{tasks:?}");
}

#[test]
fn a_ring_of_needs_comes_to_an_end() {
    let (tasks, _) = planned(&world(json!(["ring_a"]), contents(&[], &[("public", false)])));
    assert_eq!(tasks.len(), 1);
}

#[test]
fn one_that_cannot_be_moved_goes_where_nobody_else_makes_anything() {
    let make = |extension: &str, schemas: &[(&str, bool)], there: &[(&str, &str)]| {
        planned(&world(json!([extension]), contents(there, schemas)))
    };
    let (tasks, _) = make("postgis", &[("public", false)], &[]);
    assert!(
        tasks[0].contains(r#"CREATE SCHEMA "postgis"; CREATE EXTENSION "postgis" SCHEMA "postgis"; GRANT USAGE ON SCHEMA "postgis" TO PUBLIC"#),
        "{tasks:?}"
    );
    assert!(make("postgis", &[], &[]).1.is_empty(), "it needs no public");
    let (tasks, _) = make("postgis", &[("postgis", true)], &[]);
    assert!(!tasks[0].contains(r#"CREATE SCHEMA "postgis""#), "{tasks:?}");
    let (tasks, troubles) = make("postgis", &[("postgis", false)], &[]);
    assert!(tasks.is_empty() && troubles[0].contains("RENAME"), "{troubles:?}");
    let (tasks, _) = make("pg_cron", &[], &[]);
    assert!(tasks[0].contains(r#"CREATE EXTENSION "pg_cron" SCHEMA "pg_catalog""#), "{tasks:?}");
    // It was made by hand where its owner can lay a trap, and can't be moved away from there.
    let schemas = [("public", false)];
    let (tasks, troubles) = make("postgis_topology", &schemas, &[("postgis", "public")]);
    assert!(tasks.is_empty() && troubles[0].contains("create it by hand"), "{troubles:?}");
}

#[test]
fn what_failed_waits_its_time_comes_last_and_is_told_meanwhile() {
    let mut seen = world(json!(["hstore", "cube"]), contents(&[], &[("public", false)]));
    let failed = |again| FailedSql { cause: "no".into(), again, times: 1 };
    let what = "create extension cube in database bank".to_owned();
    let database = seen.database.as_mut().unwrap();
    database.failed.insert(what.clone(), failed(start() + SignedDuration::from_secs(1)));
    let (tasks, troubles) = planned(&seen);
    assert!(tasks.len() == 1 && tasks[0].contains("hstore"), "{tasks:?}");
    assert_eq!(troubles, [format!("failed to {what}: no. It is tried again at 12:00:01 UTC")]);
    seen.database.as_mut().unwrap().failed.insert(what, failed(start()));
    let (tasks, troubles) = planned(&seen);
    assert!(troubles.is_empty() && tasks.len() == 2 && tasks[1].contains("cube"), "{tasks:?}");
}

#[test]
fn a_right_is_taken_by_the_number_of_its_role_and_in_the_name_of_who_gave_it() {
    let right = |right| RightSeen { role: "x'; DROP".into(), oid: 77, right };
    let rights =
        vec![right(Right::Superuser), right(Right::Member { of: "pg_read_all_data".into(), grantor: 10 })];
    let seen = DatabaseSeen { rights, ..DatabaseSeen::default() };
    let tasks = rights::taken_back(&seen);
    assert!(tasks.iter().all(|task| !task.statements[0].text.contains("DROP")), "{tasks:?}");
    assert!(tasks[0].statements[0].text.contains("WHERE r.oid = 77"));
    assert!(
        tasks[1].statements[0].text.contains("'pg_read_all_data', r.rolname, pg_catalog.pg_get_userbyid(10)")
    );
}

#[test]
fn the_poolers_exporter_gets_a_login_without_any_right_and_one_line_in_pgpools_file() {
    let mut seen = observed(json!({}));
    settle(&mut seen, start());
    put_pods(&mut seen);
    seen.database = Some(DatabaseSeen::default());
    let steps = statements(&target(&seen), &seen, start());
    let sql: Vec<&Statement> = steps
        .iter()
        .flat_map(|step| match step {
            Step::Sql { task, .. } => task.statements.iter().collect(),
            _ => Vec::new(),
        })
        .filter(|statement| statement.text.contains(POOLER_MONITOR_ROLE))
        .collect();
    assert_eq!(sql.len(), 1);
    assert_eq!(sql[0].text, r#"CREATE ROLE "stylobate_pooler_monitor" LOGIN"#);
    assert!(sql[0].password.is_some());
    let users = seen.children.secret("c-pooler-users").unwrap();
    assert!(users["pool_passwd"].expose().starts_with("stylobate_pooler_monitor:TEXT"));

    let password = pooler_password(&target(&seen), &seen, POOLER_MONITOR_ROLE).unwrap();
    let verifier = postgres_protocol::password::scram_sha_256(password.expose().as_bytes());
    let role = RoleSeen { login: true, verifier: Some(SecretText::new(verifier)), ..RoleSeen::default() };
    assert_eq!(
        roles::role(POOLER_MONITOR_ROLE, &[], &password, Some(&role)),
        None,
        "a role as wanted is left alone"
    );
    let wider = RoleSeen { create_role: true, ..role };
    assert_eq!(
        roles::role(POOLER_MONITOR_ROLE, &[], &password, Some(&wider)).unwrap().statements[0].text,
        r#"ALTER ROLE "stylobate_pooler_monitor" NOCREATEROLE"#
    );
}
