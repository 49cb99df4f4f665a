//! Secret material of the simulated world: passwords are fixed, keys are made once for each request in a process, so that
//! two runs of one scenario hold equal Secrets.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex};

use jiff::Timestamp;
use stylobate::observe::SecretData;
use stylobate::pki::{Authority, CA_LIFETIME};
use stylobate::plan::Mint;
use stylobate::secret::SecretText;

use super::World;

static MADE: LazyLock<Mutex<HashMap<String, SecretData>>> = LazyLock::new(Mutex::default);

/// Takes a `Mint` step.
pub fn mint(world: &mut World, mint: &Mint) {
    let now = world.now;
    match mint {
        Mint::Authority { secret, reason: _ } => {
            let data = once(format!("authority {secret} {now}"), || authority(now));
            world.put_secret(secret, &data);
        }
        Mint::Leaf { secret, authority, purpose: _, request, reason: _ } => {
            let signer = world.observe().children.secret(authority).expect("the authority comes first");
            let data = once(format!("{signer:?} {} {request:?} {now}", signer["tls.crt"].expose()), || {
                let loaded = Authority::load(signer["ca.crt"].expose(), &signer["tls.key"], now);
                let leaf = loaded.and_then(|loaded| loaded.issue(request, now)).expect("a certificate");
                entries(signer["ca.crt"].expose(), &leaf.cert_pem, leaf.key_pem)
            });
            world.put_secret(secret, &data);
        }
        // Rotation has a test of its own that lives through twelve years: src/plan/authority_tests.rs.
        Mint::Rotate { stage, .. } => panic!("a scenario lived long enough to rotate its authority: {stage}"),
        Mint::Passwords { secret, keys, plain, purpose: _ } => {
            let mut data = world.observe().children.secret(secret).unwrap_or_default();
            data.extend(plain.iter().map(|(key, text)| (key.clone(), SecretText::new(text.clone()))));
            for key in keys {
                data.insert(key.clone(), SecretText::new(format!("password-{secret}-{key}")));
            }
            world.put_secret(secret, &data);
        }
    }
}

fn once(key: String, make: impl FnOnce() -> SecretData) -> SecretData {
    MADE.lock().expect("no test panicked here").entry(key).or_insert_with(make).clone()
}

fn authority(now: Timestamp) -> SecretData {
    let made = Authority::create("test authority", now, CA_LIFETIME).expect("an authority");
    entries(made.cert_pem(), made.cert_pem(), made.key_pem().clone())
}

fn entries(authority: &str, certificate: &str, key: SecretText) -> SecretData {
    BTreeMap::from([
        ("ca.crt".to_owned(), SecretText::new(authority)),
        ("tls.crt".to_owned(), SecretText::new(certificate)),
        ("tls.key".to_owned(), key),
    ])
}
