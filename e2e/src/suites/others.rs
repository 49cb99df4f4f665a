//! Objects of others under the names of a new cluster: they are neither changed nor removed, and the condition names each.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::broken::{Kept, same};
use crate::harness::cluster::{Cluster, small};
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let taken = &stage.cluster("taken");
    stage
        .promise(
            "each object in the way of a new cluster is named, and nothing is made beside it",
            async || named(taken).await,
        )
        .await;
    stage.promise("the cluster begins by itself once they are gone", async || begins(taken).await).await;
    stage
        .promise("what somebody makes anew under a cluster's name stays when the cluster goes", async || {
            stays(taken).await
        })
        .await;
}

/// What the application has.
struct Theirs {
    maps: Api<DynamicObject>,
    services: Api<DynamicObject>,
    accounts: Api<DynamicObject>,
}

impl Theirs {
    fn of(stage: &Stage) -> Self {
        let api = |resource: ApiResource| {
            Api::namespaced_with(stage.world.client.clone(), &stage.namespace, &resource)
        };
        Self {
            maps: api(ApiResource::erase::<ConfigMap>(&())),
            services: api(ApiResource::erase::<Service>(&())),
            accounts: api(ApiResource::erase::<ServiceAccount>(&())),
        }
    }

    /// Identity and version of each.
    async fn versions(&self) -> Kept<BTreeMap<String, [String; 2]>> {
        let found = [
            self.maps.get("taken-config").await?,
            self.services.get("taken-primary").await?,
            self.accounts.get("taken-member").await?,
        ];
        let version = |object: &DynamicObject| {
            [object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default()]
        };
        Ok(found.iter().map(|object| (object.name_any(), version(object))).collect())
    }

    async fn make_service(&self) -> Kept<String> {
        let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80}]});
        make(&self.services, json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken-primary"}, "spec": spec})).await
    }
}

/// Makes an object; its identity.
async fn make(api: &Api<DynamicObject>, body: Value) -> Kept<String> {
    let body: DynamicObject = serde_json::from_value(body)?;
    Ok(api.create(&PostParams::default(), &body).await?.uid().unwrap_or_default())
}

async fn named(taken: &Cluster<'_>) -> Kept {
    let theirs = Theirs::of(taken.stage);
    let body = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    make(&theirs.maps, body("ConfigMap", "taken-config")).await?;
    make(&theirs.accounts, body("ServiceAccount", "taken-member")).await?;
    theirs.make_service().await?;
    let before = theirs.versions().await?;
    taken.make(small(&taken.stage.world.versions.newest, 1)).await?;
    taken.comes_to_tell(20, "Accepted", "ConfigMap taken-config is in the way").await?;
    taken.tells("Accepted", "Service taken-primary is in the way").await?;
    taken.tells("Accepted", "ServiceAccount taken-member is in the way").await?;
    same("the reason", taken.condition("Accepted").await?.reason.as_str(), "ObjectInTheWay")?;
    taken.owns_nothing().await?;
    same("the application's objects", theirs.versions().await?, before)
}

async fn begins(taken: &Cluster<'_>) -> Kept {
    let (theirs, params) = (Theirs::of(taken.stage), DeleteParams::default());
    theirs.maps.delete("taken-config", &params).await?;
    theirs.services.delete("taken-primary", &params).await?;
    theirs.accounts.delete("taken-member", &params).await?;
    taken.becomes_healthy(150).await
}

async fn stays(taken: &Cluster<'_>) -> Kept {
    let theirs = Theirs::of(taken.stage);
    // The operator makes its own again at once: somebody else is faster now and then.
    let faster = async || {
        theirs.services.delete("taken-primary", &DeleteParams::default()).await?;
        theirs.make_service().await
    };
    let uid = taken.stage.within(60, faster).await?;
    taken.comes_to_tell(30, "Accepted", "Service taken-primary is in the way").await?;
    taken.goes(90).await?;
    let live = theirs.services.get("taken-primary").await?;
    same("the Service's identity", live.uid().unwrap_or_default(), uid)?;
    same("its selector", live.data["spec"]["selector"].clone(), json!({"app": "web"}))?;
    theirs.services.delete("taken-primary", &DeleteParams::default()).await?;
    Ok(())
}
