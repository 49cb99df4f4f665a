//! The cluster `odd`: names that need quoting and passwords with every special character, a new certificate, and its end, after
//! which its volumes are there for another one of the name. Nothing of it restarts a member.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use stylobate::api::{Database, PasswordRef, PostgresClusterSpec, User};

use crate::broken::{Kept, same, says};
use crate::ensure;
use crate::harness::cluster::{Cluster, LABEL, small};
use crate::harness::pods::identity;
use crate::harness::stage::Stage;

const SPECIAL: &str = "a'\"\\ `$#%&()*+,-./:;<=>?@[]^_{|}~!é€";
const USER: &str = "Odd User";
const DATABASE: &str = "Odd-Database";
const PASSWORD: &str = "odd-password";

/// What a member shows on a TLS port of its own: a digest of its certificate.
const SERIAL: &str = r#"
import hashlib, socket, ssl, sys
context = ssl._create_unverified_context()
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
if sys.argv[1] == "5432":
    plain.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f"); plain.recv(1)
print(hashlib.sha256(context.wrap_socket(plain).getpeercert(True)).hexdigest())"#;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let odd = &stage.cluster("odd");
    stage
        .promise(
            "a role and a database that need quoting, and a password with every special character, work",
            async || made(odd).await,
        )
        .await;
    stage
        .promise("a changed password reaches Postgres and Pgpool without a restart", async || {
            password_changes(odd).await
        })
        .await;
    stage
        .promise("a member's new certificate is used by Postgres and Patroni without a restart", async || {
            certificate_changes(odd).await
        })
        .await;
    stage
        .promise(
            "deletion leaves the volumes, nothing else, and an event with the command to remove them",
            async || deleted(odd).await,
        )
        .await;
    stage.promise("a cluster made again on kept volumes has its data", async || made_again(odd).await).await;
}

fn spec(stage: &Stage) -> PostgresClusterSpec {
    let mut spec = small(&stage.world.versions.newest, 1);
    let password = PasswordRef { secret: PASSWORD.into(), key: "password".into() };
    spec.users.push(User {
        name: USER.into(),
        password: Some(password),
        options: vec![],
        replication_from: vec![],
    });
    spec.databases.push(Database {
        name: DATABASE.into(),
        owner: USER.into(),
        extensions: vec!["pg_trgm".into()],
        ..Database::default()
    });
    spec
}

async fn sql(odd: &Cluster<'_>, statement: &str) -> Kept<String> {
    odd.sql_as(USER, PASSWORD, DATABASE, statement).await
}

async fn answers(odd: &Cluster<'_>) -> Kept {
    same("the user", sql(odd, "select current_user").await?, USER)
}

/// Identity and restarts of every pod.
async fn identities(odd: &Cluster<'_>) -> Kept<Vec<(String, Vec<i32>)>> {
    let mut pods = odd.pods("member").await?;
    pods.extend(odd.pods("pooler").await?);
    ensure!(!pods.is_empty(), "there are no pods");
    Ok(pods.iter().map(identity).collect())
}

async fn made(odd: &Cluster<'_>) -> Kept {
    let mut secret = Secret::default();
    secret.metadata.name = Some(PASSWORD.into());
    secret.string_data = Some(BTreeMap::from([("password".into(), SPECIAL.into())]));
    odd.stage.secrets().create(&PostParams::default(), &secret).await?;
    odd.make(spec(odd.stage)).await?;
    odd.becomes_healthy(120).await?;
    odd.stage.within(20, async || answers(odd).await).await
}

async fn password_changes(odd: &Cluster<'_>) -> Kept {
    let before = identities(odd).await?;
    // SASLprep composes the accent and makes the space one that breaks.
    let password = ByteString(format!("new e\u{301}\u{a0}{SPECIAL}").into_bytes());
    let patch = Patch::Merge(json!({"data": {"password": password}}));
    odd.stage.secrets().patch(PASSWORD, &PatchParams::default(), &patch).await?;
    odd.stage.within(90, async || answers(odd).await).await?;
    same("pods and their restarts", identities(odd).await?, before)
}

async fn serial(odd: &Cluster<'_>, port: &str) -> Kept<String> {
    odd.run("odd-0", &["python3", "-c", SERIAL, port]).await
}

async fn certificate_changes(odd: &Cluster<'_>) -> Kept {
    let before = identities(odd).await?;
    let (postgres, patroni) = (serial(odd, "5432").await?, serial(odd, "8008").await?);
    odd.stage.secrets().delete("odd-member-tls", &DeleteParams::default()).await?;
    for (port, old, seconds) in [("5432", postgres, 90), ("8008", patroni, 30)] {
        let changed = async || {
            ensure!(serial(odd, port).await? != old, "port {port} shows the certificate of before");
            Ok(())
        };
        odd.stage.within(seconds, changed).await?;
    }
    same("pods and their restarts", identities(odd).await?, before)?;
    odd.becomes_healthy(60).await
}

async fn deleted(odd: &Cluster<'_>) -> Kept {
    sql(odd, "create table kept as select 17 as x").await?;
    odd.goes(90).await?;
    odd.stage.within(60, async || odd.owns_nothing().await).await?;
    ensure!(!odd.claims(None).await?.is_empty(), "no volume claim is left");
    let namespace = &odd.stage.namespace;
    let command =
        format!("delete pvc -l {LABEL}=odd && kubectl -n {namespace} delete secret odd-credentials");
    odd.stage.within(10, async || odd.stage.event_tells("odd", &command).await).await
}

async fn made_again(odd: &Cluster<'_>) -> Kept {
    odd.make(spec(odd.stage)).await?;
    odd.becomes_healthy(120).await?;
    odd.stage.within(30, async || answers(odd).await).await?;
    says("the sum of kept", &sql(odd, "select sum(x) from kept").await?, "17")
}
