//! What a major upgrade adds to a member's pod: an init container with the work of the phase, and a word to the main one.
//!
//! The work is the image's `upgrade-member`. It stands in the pod's template, so that it is done before the server starts
//! whoever makes the pod, and goes on by itself while no operator runs.

use k8s_openapi::api::core::v1::{Container, EnvVar};

use crate::engine::{bin_dir, paths};
use crate::name::{ANNOTATION_UPGRADE, data_volume};
use crate::target::{GroupTarget, Target};
use crate::upgrade::{Course, Phase};

use super::member::TOKEN;
use super::pod;

/// Name of the init container. Others may put theirs into the pod too.
pub const UPGRADE_CONTAINER: &str = "upgrade";

/// Annotation of the StatefulSet: the course, as the next round reads it.
pub fn course(target: &Target) -> Option<(String, String)> {
    let text = serde_json::to_string(target.upgrade.as_ref()?).expect("a course is plain data");
    Some((ANNOTATION_UPGRADE.to_owned(), text))
}

/// Annotation of the pods: the phase that they are made for.
pub fn mark(target: &Target) -> Option<(String, String)> {
    Some((ANNOTATION_UPGRADE.to_owned(), target.upgrade.as_ref()?.mark()))
}

/// The init container.
pub fn init(target: &Target, group: &GroupTarget) -> Option<Container> {
    let course = target.upgrade.as_ref()?;
    let work = match course.phase {
        Phase::Prepare => "restore",
        Phase::Stop => "wait",
        Phase::Upgrade => "run",
        Phase::Rejoin => "rejoin",
    };
    let mut env = vec![pod::field_variable("PATRONI_NAME", "metadata.name")];
    env.extend(course.leader.as_ref().map(|leader| pod::variable("UPGRADE_LEADER", leader)));
    Some(Container {
        name: UPGRADE_CONTAINER.into(),
        image: Some(target.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec!["upgrade-member".into(), work.into()]),
        env: Some(env),
        // Both servers are started here, one after the other, with the settings of the cluster.
        resources: Some(pod::resources(&target.cpu, &target.memory)),
        security_context: Some(pod::container_security()),
        volume_mounts: Some(vec![
            pod::mount(&data_volume(group.generation), paths::DATA, false),
            pod::mount("patroni", paths::PATRONI, true),
            pod::mount("tls", paths::TLS, true),
            pod::mount("tmp", "/tmp", false),
            pod::mount("shm", "/dev/shm", false),
            pod::mount("token", TOKEN, true),
        ]),
        ..Default::default()
    })
}

/// Variables of the main container.
pub fn variables(course: &Course) -> Vec<EnvVar> {
    // While it is set, nothing that the upgrade keeps is removed.
    let mut env = vec![pod::variable("UPGRADE", format!("{:?}", course.phase))];
    // The configuration that members share names the old server as long as one of them may run it.
    if matches!(course.phase, Phase::Upgrade | Phase::Rejoin) {
        env.push(pod::variable("PATRONI_POSTGRESQL_BIN_DIR", bin_dir(course.to.major)));
    }
    env
}
