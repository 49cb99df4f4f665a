//! A watched child as it is kept: its UID, and the rest as packed text. As a tree of JSON it takes ten times the memory of its text, and
//! packed a third of that again, while it is looked at once in a while. The standby keeps what the leader watches: that is most of what it is.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec;
use serde::Deserialize;
use serde_json::Value;

/// How hard deflate tries, of 10: what is above 6 takes longer and saves next to nothing of 2 KiB.
const LEVEL: u8 = 6;

/// A child.
#[derive(Debug)]
pub(super) struct Packed {
    uid: Box<str>,
    body: Box<[u8]>,
}

impl Packed {
    /// Of what the watch brought.
    pub fn of(object: &DynamicObject) -> Self {
        let text = serde_json::to_vec(object).unwrap_or_default();
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        Self { uid: uid.into(), body: compress_to_vec(&text, LEVEL).into() }
    }

    /// Whether it is the object of this UID.
    pub fn is(&self, uid: &str) -> bool {
        *self.uid == *uid
    }

    /// The object, if this is true of its metadata.
    pub fn if_it(&self, is: impl FnOnce(&ObjectMeta) -> bool) -> Option<Value> {
        // What `of` has packed is always both: nothing else writes here.
        let body: Value = serde_json::from_slice(&decompress_to_vec(&self.body).ok()?).ok()?;
        is(&ObjectMeta::deserialize(&body["metadata"]).ok()?).then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map() -> Value {
        let conf = "max_connections = 100\n".repeat(40);
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop", "uid": "u-1"},
            "data": {"a": conf, "ö": "\u{0}"}})
    }

    #[test]
    fn a_child_comes_out_as_it_went_in_and_takes_less_room() {
        let packed = Packed::of(&serde_json::from_value(map()).unwrap());
        assert_eq!(packed.if_it(|meta| meta.name.as_deref() == Some("c")), Some(map()));
        assert_eq!(packed.if_it(|_| false), None);
        assert!(packed.is("u-1") && !packed.is("") && !packed.is("u-2"));
        assert!(packed.body.len() * 3 < map().to_string().len(), "{} bytes", packed.body.len());
    }
}
