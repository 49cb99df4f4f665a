//! A server as members run it, a cluster with one user and one database, and rounds of the operator.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use stylobate::api::ClusterStatus;
use stylobate::apply::run_sql;
use stylobate::child::{ChildRef, Kind};
use stylobate::decide::{Input, decide};
use stylobate::engine::hba::{POOLER_MONITOR_ROLE, POOLER_ROLE};
use stylobate::images::CatalogSeen;
use stylobate::observe::{MemberSeen, Observed, Platform, PodSeen, ServerCache, ServerKey, catalogs};
use stylobate::plan::Step;
use stylobate::policy::CATALOG;
use stylobate::secret::SecretText;
use stylobate::sql::session::{Credentials, Session};
use stylobate::sql::{Door, Ways};
use stylobate::target::UserTarget;

use crate::postgres::Postgres;

/// The one member.
pub const MEMBER: &str = "c-0";
/// Its name in its certificate.
const HOST: &str = "c-0.c-members.shop.svc.cluster.local";
const PASSWORD: &str = "the operator's own";

/// Settings of the server that a tenant, or who writes the ConfigMap of `spec.tuning`, may have chosen so that the operator can't work
/// or shows what it sends.
const SETTINGS: &str = "log_statement = 'all'
log_min_duration_statement = 0
log_transaction_sample_rate = 1
max_connections = 40
fsync = off";

/// The world.
pub struct World {
    pub server: Postgres,
    pub ways: Ways,
    pub seen: Observed,
    pub cache: ServerCache,
    pub now: Timestamp,
}

/// What a round came to.
pub struct Round {
    /// What failed, by what it does.
    pub failed: BTreeMap<String, String>,
    /// What was done.
    pub done: Vec<String>,
}

impl World {
    /// A world in which the operator was never; nothing where Postgres is not installed. `spec` are further fields of the cluster.
    pub fn start(name: &str, settings: &str, spec: Value) -> Option<Self> {
        let server = Postgres::start_as("postgres", name, settings)?;
        let credentials = secure(&server);
        let mut server = server;
        server.sql(&format!("ALTER ROLE postgres PASSWORD '{}'", PASSWORD.replace('\'', "''")));
        server.sql("CREATE ROLE standby REPLICATION LOGIN");
        server.sql("CREATE ROLE rewind LOGIN");
        server.kill();
        server.up();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let door = Door { host: HOST.into(), address };
        let ways = Ways::new(credentials, BTreeMap::from([(MEMBER.to_owned(), door)]));
        let major: i64 = server.sql("SHOW server_version_num").parse().expect("a number");
        let seen = observed(spec, major);
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        Some(Self { server, ways, seen, cache: ServerCache::default(), now })
    }

    /// A world in which user `app` has all that he can have and owns database `bank`, as the operator made both.
    pub async fn settled(name: &str) -> Option<Self> {
        Self::settled_with(name, &["pgcrypto"]).await
    }

    /// The same with other extensions.
    pub async fn settled_with(name: &str, extensions: &[&str]) -> Option<Self> {
        let mut world = Self::start(
            name,
            SETTINGS,
            json!({
                "users": [
                    {"name": "app", "options": ["CreateDb", "BypassRls", "Replication"], "replicationFrom": ["10.0.0.0/8"]},
                    {"name": "other"},
                ],
                "databases": [
                    {"name": "bank", "owner": "app", "extensions": extensions},
                    {"name": "vault", "owner": "other", "extensions": ["pgcrypto"]},
                ],
            }),
        )?;
        // In 15 who creates roles is superuser, and the spec can't give it.
        if world.seen.members[MEMBER].server_version >= Some(160_000) {
            world.edit(|spec| spec["users"][0]["options"].as_array_mut().unwrap().push(json!("CreateRole")));
        }
        world.settle().await;
        Some(world)
    }

    /// Rounds until nothing is left to do.
    pub async fn settle(&mut self) {
        for _ in 0..10 {
            let round = self.round().await;
            assert!(round.failed.is_empty(), "{:?}", round.failed);
            if round.done.is_empty() {
                return;
            }
        }
        panic!("it comes to no end");
    }

    /// One round of the operator: it looks, decides and runs its SQL. A minute is over then.
    pub async fn round(&mut self) -> Round {
        let server = ServerKey::new(&self.seen, MEMBER);
        let spec = self.seen.cluster.spec.clone();
        let found = catalogs(&self.ways, MEMBER, &spec, server, &self.cache, false, false).await;
        self.seen.database_unread = found.as_ref().err().map(|error| error.to_string());
        self.seen.database = found.ok();
        let decision = decide(&Input { seen: &self.seen, catalog: CATALOG, now: self.now });
        assert!(decision.problems.is_empty(), "{:?}", decision.problems);
        let mut cluster = self.seen.cluster.as_ref().clone();
        cluster.status = Some(decision.status.clone());
        self.seen.cluster = Arc::new(cluster);
        let (mut failed, mut done) = (BTreeMap::new(), Vec::new());
        for step in &decision.steps {
            let Step::Sql { pod, task } = step else { continue };
            let outcome = run_sql(&self.ways, pod, task).await.err().map(|error| error.to_string());
            self.cache.note_sql(&self.seen.name(), &task.summary, outcome.clone(), self.now);
            match outcome {
                Some(cause) => drop(failed.insert(task.summary.clone(), cause)),
                None => done.push(task.summary.clone()),
            }
        }
        self.now += SignedDuration::from_mins(1);
        Round { failed, done }
    }

    /// What was seen in databases counts no longer.
    pub fn forget(&mut self) {
        self.cache.forget(&self.seen.name());
    }

    /// A session of the operator.
    pub async fn session(&self, database: &str) -> Session {
        self.ways.session(MEMBER, database).await.expect("a session")
    }

    /// One value, asked for in a session of the operator.
    pub async fn ask(&self, database: &str, question: &str) -> String {
        let rows = self.session(database).await.query(question).await.expect("an answer");
        rows.first().map(|row| row.get::<_, String>(0)).unwrap_or_default()
    }

    /// What the tenant does in his database; each statement has to work.
    pub fn app(&self, statements: &[&str]) {
        self.server.sql_as("app", "bank", statements).expect("the tenant may do that");
    }

    /// What the tenant tries in his database.
    pub fn tries(&self, statement: &str) -> Result<String, String> {
        self.server.sql_as("app", "bank", &[statement])
    }

    /// Nobody but the system's own role is superuser, and nobody has another such right.
    pub fn nobody_is_strong(&self) {
        let strong = self.server.sql(
            "SELECT rolname FROM pg_roles WHERE rolsuper AND oid <> 10 UNION ALL SELECT m.member::regrole::text FROM pg_auth_members m \
             JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member \
             WHERE r.rolname !~ '^pg_' AND g.rolname IN ('postgres', 'rewind', 'pg_execute_server_program', 'pg_read_all_data')",
        );
        assert_eq!(strong, "");
    }

    /// The cluster's condition of this type, as the last round wrote it: its status, reason and message.
    pub fn condition(&self, kind: &str) -> (String, String, String) {
        let status: &ClusterStatus = self.seen.cluster.status.as_ref().expect("a round was");
        let found = status.conditions.iter().find(|condition| condition.type_ == kind).expect("it is there");
        (found.status.clone(), found.reason.clone(), found.message.clone())
    }

    /// Changes the spec.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        let mut cluster = serde_json::to_value(self.seen.cluster.as_ref()).expect("JSON");
        change(&mut cluster["spec"]);
        self.seen.cluster = Arc::new(serde_json::from_value(cluster).expect("a cluster"));
        put_passwords(&mut self.seen);
    }
}

/// Certificates and access rules as members have them; the tenant comes by socket.
fn secure(server: &Postgres) -> Credentials {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(params, key);
    let leaf = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &issuer).expect("a certificate").pem(), key.serialize_pem())
    };
    let (certificate, private) = leaf(HOST);
    for (setting, name, text) in [
        ("ssl_cert_file", "leaf.pem", &certificate),
        ("ssl_key_file", "leaf.key", &private),
        ("ssl_ca_file", "ca.pem", &authority),
    ] {
        let path = server.file(name, text);
        server.sql(&format!("ALTER SYSTEM SET {setting} = '{}'", path.display()));
    }
    server.sql("ALTER SYSTEM SET ssl = on");
    let path = network_rules(server, &[]);
    server.sql(&format!("ALTER SYSTEM SET hba_file = '{}'", path.display()));
    let (certificate, private) = leaf("operator");
    Credentials { authority, certificate, key: SecretText::new(private), password: SecretText::new(PASSWORD) }
}

/// Writes who comes in from the network, as members have it.
pub fn network_rules(server: &Postgres, users: &[UserTarget]) -> PathBuf {
    let rules = stylobate::engine::hba::hba(users, false);
    let network = rules.iter().filter(|rule| rule.starts_with("host")).map(String::as_str);
    let rules: Vec<&str> = ["local all all trust"].into_iter().chain(network).collect();
    server.file("pg_hba.conf", &(rules.join("\n") + "\n"))
}

fn observed(spec: Value, version: i64) -> Observed {
    // 16 and later tell a role that makes roles from a superuser.
    let written = if version >= 160_000 { "17.91" } else { "15.91" };
    let mut cluster = json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
        "metadata": {"name": "c", "namespace": "shop", "uid": "u-1", "finalizers": [stylobate::name::FINALIZER]},
        "spec": {"engine": {"version": written}, "instances": 1, "storage": {"size": "2Gi"}},
    });
    for (key, value) in spec.as_object().expect("fields of the spec") {
        cluster["spec"][key] = value.clone();
    }
    let pod = PodSeen {
        uid: "pod".into(),
        component: "member".into(),
        role: Some(stylobate::name::ROLE_PRIMARY.into()),
        ip: Some("127.0.0.1".into()),
        ready: true,
        ..PodSeen::default()
    };
    let member = MemberSeen {
        state: "running".into(),
        role: "primary".into(),
        server_version: Some(version),
        started: Some("once".into()),
        ..MemberSeen::default()
    };
    let mut seen = Observed {
        images: CatalogSeen::of(Some(&images())),
        pods: BTreeMap::from([(MEMBER.to_owned(), pod)]),
        members: BTreeMap::from([(MEMBER.to_owned(), member)]),
        backups: Some(BTreeMap::new()),
        ..Observed::new(
            Arc::new(serde_json::from_value(cluster).expect("a cluster")),
            Platform {
                pooler_image: "images/pgpool:made-up".into(),
                pgbouncer_image: "images/pgbouncer:1.90".into(),
                domain: "cluster.local".into(),
                namespace: "stylobate-system".into(),
            },
        )
    };
    put_passwords(&mut seen);
    seen
}

fn images() -> String {
    let entry = |version: &str| {
        let digest = stylobate::name::digest(version.as_bytes());
        format!(
            "- {{flavor: Postgres, version: \"{version}\", image: \"images/postgres:{version}@sha256:{digest}\", since: \"2026-11-20\"}}"
        )
    };
    ["17.91", "15.91"].map(entry).join("\n")
}

/// The passwords that the operator would generate.
fn put_passwords(seen: &mut Observed) {
    let name = seen.name();
    let users: Vec<String> = seen.cluster.spec.users.iter().map(|user| user.name.clone()).collect();
    let users = users
        .iter()
        .map(|user| (name.user_secret(user), json!({"password": STANDARD.encode(format!("of {user}"))})));
    let roles =
        [POOLER_MONITOR_ROLE, POOLER_ROLE].map(|role| (role.to_owned(), json!(STANDARD.encode(role))));
    let own = (name.credentials(), json!(serde_json::Map::from_iter(roles)));
    for (secret, data) in users.chain([own]) {
        let body = json!({"metadata": {"name": secret, "uid": "uid"}, "data": data});
        seen.children.0.insert(ChildRef::new(Kind::Secret, &secret), body);
    }
}
