//! New passwords are never made for old data: the data has the old ones, so members could not replicate and the operator
//! could not log in. It happens when volumes are kept and the Secret with their passwords was removed. A clone of a backup
//! gets new ones when it is started for the first time.

use crate::engine::hba::SUPERUSER;
use crate::observe::{Observed, VolumeSeen};
use crate::plan::{Mint, Step};
use crate::restore::recorded;

use super::{Case, Objection, Policy};

/// The rule `keep-passwords`.
pub struct KeepPasswords;

impl Policy for KeepPasswords {
    fn id(&self) -> &'static str {
        "keep-passwords"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::Mint(Mint::Passwords { secret, keys, .. }) = step else { return None };
        let seen = case.seen;
        let name = seen.name();
        let new = *secret == name.credentials() && keys.iter().any(|key| key == SUPERUSER);
        let (volume, _) = seen.volumes.iter().find(|(_, volume)| new && !awaits_passwords(seen, volume))?;
        Some(Objection {
            reason: format!(
                "volume claim {volume} holds data with other passwords, and Secret {secret} is gone"
            ),
            remedy: format!(
                "put Secret {secret} back, with the labels of the other Secrets of the cluster; or set the passwords of \
                 postgres, standby and rewind in the data (kubectl -n {} exec {} -c postgres -- psql) and create the \
                 Secret with these three as its keys; or, to give up the data, {}",
                name.namespace,
                name.group(0).pod(0),
                crate::plan::volumes_command(&name),
            ),
        })
    }
}

/// A clone that no server has served from yet: its first start gives it the passwords of the Secret.
fn awaits_passwords(seen: &Observed, volume: &VolumeSeen) -> bool {
    let served = seen.cluster.status.as_ref().is_some_and(|status| status.system_identifier.is_some());
    let course = recorded(seen, &seen.name().group(0));
    !served && course.is_some_and(|course| volume.restored_from == Some(course.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{ChildRef, Kind};
    use crate::fixture::{observed, settle, start, step};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn passwords_are_made_for_new_volumes_only() {
        let mut seen = observed(json!({}));
        seen.volumes.insert("data-c-0".into(), VolumeSeen { requested: 2 << 30, ..VolumeSeen::default() });
        let decision = step(&mut seen, start());
        let held: Vec<_> = decision.verdicts.iter().map(|verdict| verdict.policy).collect();
        assert_eq!(held, ["keep-passwords"]);
        assert!(
            decision.verdicts[0].to_string().contains("Secret c-credentials is gone"),
            "{}",
            decision.verdicts[0]
        );
    }

    #[test]
    fn a_running_cluster_still_gets_a_key_that_a_newer_operator_needs() {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        seen.volumes.insert("data-c-0".into(), VolumeSeen { requested: 2 << 30, ..VolumeSeen::default() });
        let keys = |keys: &[&str]| {
            Step::Mint(Mint::Passwords {
                secret: "c-credentials".into(),
                keys: keys.iter().map(|key| (*key).to_owned()).collect(),
                plain: Vec::new(),
                purpose: "test".into(),
            })
        };
        let case = Case { seen: &seen, now: start() };
        assert_eq!(KeepPasswords.judge(&keys(&["stylobate_pooler_monitor"]), &case), None);
        assert!(KeepPasswords.judge(&keys(&["postgres"]), &case).is_some());
    }

    #[test]
    fn a_clone_that_nobody_has_served_from_gets_new_passwords_and_old_data_beside_it_does_not() {
        let mut seen = observed(json!({}));
        let course =
            json!({"key": "b-1", "backup": "shop/b", "handle": "h", "driver": "d", "started_at": start()});
        let map = json!({"metadata": {"name": "c-patroni"}, "data": {"restore.json": course.to_string()}});
        seen.children.0.insert(ChildRef::new(Kind::ConfigMap, "c-patroni"), map);
        let clone = VolumeSeen { restored_from: Some("b-1".into()), ..VolumeSeen::default() };
        seen.volumes.insert("data-c-0".into(), clone.clone());
        let mint = Step::Mint(Mint::Passwords {
            secret: "c-credentials".into(),
            keys: vec![SUPERUSER.to_owned()],
            plain: Vec::new(),
            purpose: "test".into(),
        });
        let judge = |seen: &Observed| KeepPasswords.judge(&mint, &Case { seen, now: start() });
        assert_eq!(judge(&seen), None);
        seen.volumes.insert("data-c-1".into(), VolumeSeen::default());
        assert!(judge(&seen).is_some(), "that one holds data of an earlier cluster");
        seen.volumes.insert("data-c-1".into(), clone);
        let status = crate::api::ClusterStatus { system_identifier: Some("7".into()), ..Default::default() };
        Arc::make_mut(&mut seen.cluster).status = Some(status);
        assert!(judge(&seen).is_some(), "the data has the passwords of the Secret that is gone");
    }
}
