//! New passwords are never made for old data: the data has the old ones, so members could not replicate and the operator
//! could not log in. It happens when volumes are kept and the Secret with their passwords was removed.

use crate::engine::hba::SUPERUSER;
use crate::plan::{Mint, Step};

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
        let volume = seen.volumes.keys().next().filter(|_| new)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, settle, start, step};
    use crate::observe::VolumeSeen;
    use serde_json::json;

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
}
