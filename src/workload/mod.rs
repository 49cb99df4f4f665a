//! Workloads that prove promises under load: they run against a Postgres URL, never against an internal interface.
