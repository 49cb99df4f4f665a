//! Writes and deletes of children, so that none of others is ever hit: what is new is made only where nothing is, and what is changed
//! or deleted has the UID that was seen to be the cluster's own.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::child::{Child, ChildRef};
use crate::name::MANAGER;
use crate::observe::Observed;
use crate::own;
use crate::plan::removal;
use crate::repeat::gone;

use super::{Error, Writer};

/// A version that no object has: etcd counts changes from 1, and the first object is written by a later one. Server-side apply with it
/// makes what is not there and is a conflict with whatever is (`registry.Store.Update` of the API server). `POST` would do the same, but
/// fields that come by it are never taken away by a later apply.
const NO_VERSION: &str = "1";

/// Writes a child: onto the very object that was seen, or where nothing is. What the API server made of it: admission may rewrite it.
pub(super) async fn apply(
    writer: &Writer<'_>,
    child: &Child,
    seen: &Observed,
    what: impl Fn() -> String,
) -> Result<Value, Error> {
    let api = writer.children(child.reference.kind);
    let live = seen.children.0.get(&child.reference);
    let changed = match live.and_then(|live| live["metadata"]["uid"].as_str()) {
        Some(uid) => change(&api, child, uid).await,
        None => match make(&api, child).await {
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                let cause = kube::Error::Api(status);
                return beside(writer, &api, child, seen, cause, what).await;
            }
            other => other,
        },
    };
    changed.map_err(|cause| Error::Api { what: what(), cause })
}

/// Something is there that was not seen: what the cluster made a moment ago is written once more, what others made is left alone.
async fn beside(
    writer: &Writer<'_>,
    api: &Api<DynamicObject>,
    child: &Child,
    seen: &Observed,
    conflict: kube::Error,
    what: impl Fn() -> String,
) -> Result<Value, Error> {
    let failed = |cause| Error::Api { what: what(), cause };
    let reference = &child.reference;
    let found = api.get_metadata_opt(&reference.name).await.map_err(failed)?;
    let uid = seen.cluster.uid().unwrap_or_default();
    match found {
        Some(found) if own::child(reference.kind, &found.metadata, &writer.name, &uid) => {
            change(api, child, &found.metadata.uid.unwrap_or_default()).await.map_err(failed)
        }
        Some(_) => Err(Error::Taken { what: what(), object: reference.to_string() }),
        // It went meanwhile, or the conflict is about something else, as a quota.
        None => Err(failed(conflict)),
    }
}

async fn make(api: &Api<DynamicObject>, child: &Child) -> Result<Value, kube::Error> {
    let mut body = child.body.clone();
    body["metadata"]["resourceVersion"] = NO_VERSION.into();
    api.patch(&child.reference.name, &PatchParams::apply(MANAGER), &Patch::Apply(&body)).await.map(plain)
}

fn plain(object: DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// Server-side apply, which keeps what others added; the UID in it is a precondition. A list whose key somebody changed by hand can't be
/// put right that way (the old and the new element both stay, and are refused): then lists are replaced as a whole. What others added
/// and must not stay is taken away afterwards.
async fn change(api: &Api<DynamicObject>, child: &Child, uid: &str) -> Result<Value, kube::Error> {
    let name = &child.reference.name;
    let mut body: Value = child.body.clone();
    body["metadata"]["uid"] = uid.into();
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    let written = match api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&body)).await {
        Err(kube::Error::Api(status)) if status.is_invalid() => {
            let replaced = api.patch(name, &params, &Patch::Merge(&body)).await;
            // The first refusal is the one that names the fault, when both are refused.
            replaced.map(plain).map_err(|_| kube::Error::Api(status))
        }
        other => other.map(plain),
    }?;
    let Some(mut patch) = removal(&child.body, &written) else { return Ok(written) };
    patch["metadata"]["uid"] = uid.into();
    api.patch(name, &params, &Patch::Merge(&patch)).await.map(plain)
}

/// Deletes the object with this UID. One of the same name with another UID was made by somebody else, and ours is gone.
pub(super) async fn delete(
    writer: &Writer<'_>,
    reference: &ChildRef,
    uid: &str,
    params: DeleteParams,
) -> Result<(), kube::Error> {
    delete_from(&writer.children(reference.kind), &reference.name, uid, params).await
}

/// The same for an object of any kind.
pub(super) async fn delete_from(
    api: &Api<DynamicObject>,
    name: &str,
    uid: &str,
    params: DeleteParams,
) -> Result<(), kube::Error> {
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams { preconditions: Some(only), ..params };
    match gone(api.delete(name, &params).await) {
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(()),
        other => other,
    }
}
