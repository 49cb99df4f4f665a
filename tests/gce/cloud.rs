//! The state of a false Compute API: what there is, what goes on, and what the test wants to go wrong.
//!
//! Time is false: it moves when a test says so. Snapshots and operations go on by one step each time they are looked at, so that every
//! state in between is seen by somebody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// Seconds between two snapshots of a disk.
const DISK_PAUSE: i64 = 600;

/// What goes wrong next.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The next change is made, and its answer is lost.
    LostAnswer,
    /// The next call is answered with this status, reason and message, and does nothing.
    Refusal(u16, &'static str, &'static str),
    /// The next call takes so many milliseconds.
    Slow(u64),
    /// The next change is accepted, and its operation ends in this code.
    Failure(&'static str),
    /// The next snapshot fails once it is uploaded.
    Rotten,
}

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: u64,
    pub status: &'static str,
    pub created: Timestamp,
    pub labels: BTreeMap<String, String>,
    pub disk: String,
    pub body: Value,
    pub rotten: bool,
}

/// An operation: how many looks it waits and runs, and what it ends in.
#[derive(Clone, Debug)]
pub struct Operation {
    pub place: String,
    pub target: String,
    pub is_delete: bool,
    pub looks: u32,
    pub failure: Option<&'static str>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
}

/// All of it.
#[derive(Debug)]
pub struct Cloud {
    pub now: Timestamp,
    pub disks: BTreeSet<String>,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub operations: BTreeMap<String, Operation>,
    /// Request ids and the operations that they stand for.
    pub requests: BTreeMap<String, String>,
    /// When each disk was cut.
    pub cuts: BTreeMap<String, Vec<Timestamp>>,
    pub trouble: VecDeque<Trouble>,
    /// Permissions that the caller lacks.
    pub denied: BTreeSet<&'static str>,
    /// Snapshots on a page.
    pub page: usize,
    /// Every call: method and path.
    pub calls: Vec<String>,
    next: u64,
}

/// What is answered: HTTP status and body.
pub type Said = (u16, Value);

impl Cloud {
    pub fn new() -> Self {
        let now = "2026-11-21T02:00:00Z".parse().unwrap();
        let disks = ["projects/p/zones/z-a/disks/data-0", "projects/p/regions/r/disks/data-1"];
        Self {
            now,
            disks: disks.map(str::to_owned).into(),
            snapshots: BTreeMap::new(),
            operations: BTreeMap::new(),
            requests: BTreeMap::new(),
            cuts: BTreeMap::new(),
            trouble: VecDeque::new(),
            denied: BTreeSet::new(),
            page: 2,
            calls: Vec::new(),
            next: 1000,
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(seconds.seconds()).unwrap();
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts a snapshot there that somebody else made.
    pub fn foreign(&mut self, name: &str, labels: &[(&str, &str)]) {
        let (id, created) = (self.number(), self.now);
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let disk = "projects/p/zones/z-a/disks/theirs".to_owned();
        let snapshot =
            Snapshot { id, status: "READY", created, labels, disk, body: json!({}), rotten: false };
        self.snapshots.insert(name.to_owned(), snapshot);
    }

    /// Takes the first trouble of a kind.
    fn take(&mut self, kind: fn(&Trouble) -> bool) -> Option<Trouble> {
        let at = self.trouble.iter().position(kind)?;
        self.trouble.remove(at)
    }

    /// Cuts a snapshot of a disk.
    pub fn create(&mut self, disk: &str, request: &str, body: Value) -> Said {
        if let Some(known) = self.requests.get(request).cloned() {
            return self.look_again(&known);
        }
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        if !self.disks.contains(disk) {
            return refusal(404, "notFound", &format!("The resource '{disk}' was not found"));
        }
        if self.snapshots.contains_key(&name) {
            return refusal(
                409,
                "alreadyExists",
                &format!("The resource 'projects/p/global/snapshots/{name}' already exists"),
            );
        }
        let mut failure = match self.take(|t| matches!(t, Trouble::Failure(_))) {
            Some(Trouble::Failure(code)) => Some(code),
            _ => None,
        };
        let last = self.cuts.get(disk).and_then(|cuts| cuts.last().copied());
        if failure.is_none() && last.is_some_and(|last| self.now.duration_since(last).as_secs() < DISK_PAUSE)
        {
            failure = Some("RESOURCE_OPERATION_RATE_EXCEEDED");
        }
        if failure.is_none() {
            let rotten = self.take(|t| matches!(t, Trouble::Rotten)).is_some();
            let labels = serde_json::from_value(body["labels"].clone()).unwrap();
            let (id, created) = (self.number(), self.now);
            let snapshot =
                Snapshot { id, status: "CREATING", created, labels, disk: disk.to_owned(), body, rotten };
            self.snapshots.insert(name.clone(), snapshot);
            self.cuts.entry(disk.to_owned()).or_default().push(self.now);
        }
        let place = disk.split("/disks/").next().unwrap_or_default().to_owned();
        (200, self.begin(request, place, name, false, failure))
    }

    /// Deletes a snapshot.
    pub fn delete(&mut self, name: &str, request: &str) -> Said {
        if let Some(known) = self.requests.get(request).cloned() {
            return self.look_again(&known);
        }
        let failure = match self.take(|t| matches!(t, Trouble::Failure(_))) {
            Some(Trouble::Failure(code)) => Some(code),
            _ => None,
        };
        match self.snapshots.get_mut(name) {
            None => {
                return refusal(
                    404,
                    "notFound",
                    &format!("The resource 'projects/p/global/snapshots/{name}' was not found"),
                );
            }
            Some(found) if found.status == "DELETING" => {
                return refusal(400, "resourceNotReady", &format!("The resource '{name}' is not ready"));
            }
            Some(found) if failure.is_none() => found.status = "DELETING",
            Some(_) => {}
        }
        (200, self.begin(request, "projects/p/global".into(), name.to_owned(), true, failure))
    }

    /// The same request is the same operation, whatever became of it since.
    fn look_again(&mut self, operation: &str) -> Said {
        let place = self.operations[operation].place.clone();
        self.look_at_operation(&place, operation)
    }

    fn begin(
        &mut self,
        request: &str,
        place: String,
        target: String,
        is_delete: bool,
        failure: Option<&'static str>,
    ) -> Value {
        let name = format!("operation-{}", self.number());
        let operation =
            Operation { place, target, is_delete, looks: 0, failure, started: self.now, ended: None };
        self.operations.insert(name.clone(), operation);
        self.requests.insert(request.to_owned(), name.clone());
        self.show_operation(&name)
    }

    /// An operation waits for two looks and runs for one more when it is a deletion or is to fail; else until its snapshot is ready.
    pub fn look_at_operation(&mut self, place: &str, name: &str) -> Said {
        let Some(operation) = self.operations.get_mut(name).filter(|operation| operation.place == place)
        else {
            return refusal(
                404,
                "notFound",
                &format!("The resource '{place}/operations/{name}' was not found"),
            );
        };
        operation.looks += 1;
        let waits = self
            .snapshots
            .get(&operation.target)
            .is_some_and(|s| s.status == "CREATING" || s.status == "UPLOADING");
        let goes_on = operation.looks < 3 || (!operation.is_delete && operation.failure.is_none() && waits);
        if operation.ended.is_none() && !goes_on {
            operation.ended = Some(self.now);
            if operation.is_delete && operation.failure.is_none() {
                self.snapshots.remove(&operation.target);
            }
        }
        (200, self.show_operation(name))
    }

    fn show_operation(&self, name: &str) -> Value {
        let operation = &self.operations[name];
        let status = match (operation.ended, operation.looks) {
            (Some(_), _) => "DONE",
            (None, 0 | 1) => "PENDING",
            (None, _) => "RUNNING",
        };
        let mut shown = json!({ "kind": "compute#operation", "name": name, "status": status, "insertTime": operation.started.to_string() });
        if let Some(ended) = operation.ended {
            shown["endTime"] = json!(ended.to_string());
            if let Some(code) = operation.failure {
                shown["error"] =
                    json!({ "errors": [{ "code": code, "message": format!("it failed for {code}") }] });
            }
        }
        shown
    }

    /// A snapshot goes on by one status each time it is looked at.
    pub fn look_at_snapshot(&mut self, name: &str) -> Said {
        let Some(found) = self.snapshots.get_mut(name) else {
            return refusal(
                404,
                "notFound",
                &format!("The resource 'projects/p/global/snapshots/{name}' was not found"),
            );
        };
        let shown = show(name, found);
        found.status = match found.status {
            "CREATING" => "UPLOADING",
            "UPLOADING" if found.rotten => "FAILED",
            "UPLOADING" => "READY",
            other => other,
        };
        (200, shown)
    }

    /// A page of the snapshots that have all labels of the filter. Its token is the name of the last one before.
    pub fn list(&self, filter: &[(String, String)], after: &str) -> Said {
        let fits = |s: &Snapshot| filter.iter().all(|(key, value)| s.labels.get(key) == Some(value));
        let mut found = self.snapshots.iter().filter(|(name, s)| name.as_str() > after && fits(s));
        let page: Vec<_> = found.by_ref().take(self.page).collect();
        let mut shown = json!({ "kind": "compute#snapshotList" });
        // As the real one: no field at all when nothing was found.
        if !page.is_empty() {
            shown["items"] = page.iter().map(|(name, s)| show(name, s)).collect();
        }
        if found.next().is_some() {
            shown["nextPageToken"] = json!(page.last().map(|(name, _)| name));
        }
        (200, shown)
    }
}

fn show(name: &str, s: &Snapshot) -> Value {
    let fingerprint = s
        .labels
        .iter()
        .flat_map(|(k, v)| k.bytes().chain(v.bytes()))
        .fold(7u32, |sum, b| sum.rotate_left(5) ^ u32::from(b));
    json!({
        "kind": "compute#snapshot", "id": s.id.to_string(), "name": name, "status": s.status, "diskSizeGb": "10",
        "creationTimestamp": s.created.to_string(), "labels": s.labels, "labelFingerprint": format!("{fingerprint:08x}"),
        "sourceDisk": format!("https://localhost/compute/v1/{}", s.disk)
    })
}

/// An answer that says no.
pub fn refusal(status: u16, reason: &str, message: &str) -> Said {
    (
        status,
        json!({ "error": { "code": status, "message": message, "errors": [{ "domain": "global", "reason": reason, "message": message }] } }),
    )
}
