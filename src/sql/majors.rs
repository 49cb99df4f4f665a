//! Majors of the servers that were met: what a session asks for at its start depends on them, and is asked before the server has
//! said what it is. A server that was never met is taken for one of the newest, and asked once more when it knows less.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::ways::Door;

/// Servers that are remembered. Past it all are forgotten, which costs each a second try.
const MOST: usize = 10_000;

static MET: LazyLock<Mutex<HashMap<Door, i32>>> = LazyLock::new(Mutex::default);

/// Major of the server behind a door, as it was met last.
pub fn of(door: &Door) -> Option<i32> {
    MET.lock().unwrap_or_else(PoisonError::into_inner).get(door).copied()
}

/// Remembers a server.
pub fn note(door: &Door, major: i32) {
    let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    if met.len() >= MOST {
        met.clear();
    }
    met.insert(door.clone(), major);
}
