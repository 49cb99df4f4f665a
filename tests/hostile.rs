//! A tenant against the operator, on a real server: he owns a database, has every right that `spec.users` gives, and lays whatever he
//! can in the way of the operator's own sessions. The sessions, the plan and the SQL are the operator's real ones.

// Each test program uses a part of the shared server.
#[allow(dead_code)]
mod postgres;

mod hostile {
    pub mod world;

    mod databases;
    mod extensions;
    mod lookup;
    mod made;
    mod names;
    mod replication;
    mod rights;
    mod sessions;
    mod settings;
    mod slots;
}
