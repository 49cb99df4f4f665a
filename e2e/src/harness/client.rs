//! Statements: as a client through the pooler, and as the superuser by a member's own socket.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::broken::{Broken, Kept, same};

use super::cluster::Cluster;
use super::pods;
use super::stage::Stage;

/// psql with the password on the first line of its standard input, so that it is in no argument.
const PSQL: &str = "IFS= read -r PGPASSWORD || true; export PGPASSWORD; \
                    exec psql -XAtq -v ON_ERROR_STOP=1 -c \"$1\" </dev/null";

impl Stage {
    /// A value of a Secret, for use only, never printed.
    ///
    /// # Errors
    /// When Secret or key are missing.
    pub async fn secret(&self, name: &str, key: &str) -> Kept<String> {
        let secrets = Api::<Secret>::namespaced(self.world.client.clone(), &self.namespace);
        let data = secrets.get(name).await?.data.unwrap_or_default();
        let value = data.get(key).ok_or_else(|| Broken::new(format!("Secret {name} has no key {key}")))?;
        String::from_utf8(value.0.clone())
            .map_err(|_| Broken::new(format!("key {key} of Secret {name} is no text")))
    }
}

impl Cluster<'_> {
    /// Through the pooler, as a client would: TLS verified in full, with the password of this Secret.
    ///
    /// # Errors
    /// What psql says.
    pub async fn sql_as(&self, user: &str, secret: &str, database: &str, statement: &str) -> Kept<String> {
        let password = self.stage.secret(secret, "password").await?;
        let host = format!("PGHOST={}-pooler.{}.svc", self.name, self.stage.namespace);
        let (user, database) = (format!("PGUSER={user}"), format!("PGDATABASE={database}"));
        let command = [
            "env",
            &host,
            &user,
            &database,
            "PGSSLMODE=verify-full",
            "PGCONNECT_TIMEOUT=5",
            "PGSSLROOTCERT=/etc/stylobate/tls/ca.crt",
            "sh",
            "-c",
            PSQL,
            "sh",
            statement,
        ];
        let pod = format!("{}-0", self.name);
        pods::exec(&self.stage.pods(), &pod, "postgres", &command, Some(&password)).await?.ended_well()
    }

    /// As the user `app` in the database `bank`.
    ///
    /// # Errors
    /// What psql says.
    pub async fn sql(&self, statement: &str) -> Kept<String> {
        self.sql_as("app", &format!("{}-user-app", self.name), "bank", statement).await
    }

    /// The pooler leads to a member that takes writes.
    ///
    /// # Errors
    /// What was answered instead.
    pub async fn answers(&self) -> Kept {
        same("an answer through the pooler", self.sql("select not pg_is_in_recovery()").await?, "t")
    }

    /// As the superuser on a member, by its own socket.
    ///
    /// # Errors
    /// What psql says.
    pub async fn inside(&self, pod: &str, database: &str, statement: &str) -> Kept<String> {
        let command =
            ["psql", "-XAtq", "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement];
        self.run(pod, &command).await
    }

    /// As the superuser on the member that takes writes.
    ///
    /// # Errors
    /// What psql says, or that there is no such member.
    pub async fn on_primary(&self, database: &str, statement: &str) -> Kept<String> {
        self.inside(&self.primary().await?, database, statement).await
    }

    /// A program in a member.
    ///
    /// # Errors
    /// What it printed, when it failed.
    pub async fn run(&self, pod: &str, command: &[&str]) -> Kept<String> {
        pods::exec(&self.stage.pods(), pod, "postgres", command, None).await?.ended_well()
    }
}
