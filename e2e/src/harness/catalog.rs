//! The image catalog of the operator, edited as whoever keeps it would, and put back.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stylobate::images::{CONFIG_MAP, KEY};

use crate::broken::{Broken, Kept};

use super::World;
use super::operator::NAMESPACE;

/// The catalog as it was, to be edited and put back.
pub struct Catalog {
    maps: Api<ConfigMap>,
    map: ConfigMap,
    /// Its entries.
    pub entries: Vec<Value>,
}

impl Catalog {
    /// As it is now.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub async fn read(world: &World) -> Kept<Self> {
        let maps = Api::<ConfigMap>::namespaced(world.client.clone(), NAMESPACE);
        let mut map = maps.get(CONFIG_MAP).await?;
        let text = map.data.as_ref().and_then(|data| data.get(KEY)).cloned();
        let text = text.ok_or_else(|| Broken::new(format!("ConfigMap {CONFIG_MAP} has no {KEY}")))?;
        let entries: Value = serde_saphyr::from_str(&text)?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        (map.metadata.resource_version, map.metadata.uid) = (None, None);
        map.metadata.managed_fields = None;
        Ok(Self { maps, map, entries })
    }

    /// Writes other entries.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn write(&self, entries: &[Value]) -> Kept {
        self.write_text(&serde_json::to_string_pretty(entries)?).await
    }

    /// Writes any text.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn write_text(&self, text: &str) -> Kept {
        let patch = Patch::Merge(json!({"data": {KEY: text}}));
        self.maps.patch(CONFIG_MAP, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Deletes it.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn delete(&self) -> Kept {
        self.maps.delete(CONFIG_MAP, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Puts it back as it was, whatever became of it.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn put_back(&self) -> Kept {
        if self.maps.get_opt(CONFIG_MAP).await?.is_none() {
            self.maps.create(&PostParams::default(), &self.map).await?;
            return Ok(());
        }
        let data = self.map.data.as_ref().and_then(|data| data.get(KEY)).cloned().unwrap_or_default();
        self.write_text(&data).await
    }
}

/// The entries with this change of the one for a version without an older server; none when there is no such entry.
pub fn changed(entries: &[Value], version: &str, change: impl Fn(&mut Value)) -> Option<Vec<Value>> {
    let mut entries = entries.to_vec();
    let entry =
        entries.iter_mut().find(|entry| entry["version"] == version && entry["upgradesFrom"].is_null())?;
    change(entry);
    Some(entries)
}

/// The entries without that of a version.
pub fn without(entries: &[Value], version: &str) -> Vec<Value> {
    let other = |entry: &&Value| entry["version"] != version || !entry["upgradesFrom"].is_null();
    entries.iter().filter(other).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Value> {
        vec![
            json!({"version": "15.92", "image": "a"}),
            json!({"version": "17.91", "image": "b"}),
            json!({"version": "17.91", "image": "c", "upgradesFrom": 15}),
        ]
    }

    #[test]
    fn one_entry_is_changed() {
        let edited = changed(&entries(), "17.91", |entry| entry["image"] = json!("x")).unwrap();
        assert_eq!((&edited[1]["image"], &edited[2]["image"]), (&json!("x"), &json!("c")));
        assert!(changed(&entries(), "16.1", |_| {}).is_none());
    }

    #[test]
    fn one_entry_is_left_out() {
        let left = without(&entries(), "17.91");
        assert_eq!(left.len(), 2);
        assert_eq!(left[1]["upgradesFrom"], json!(15));
    }
}
