//! Secret material of the simulated world: passwords are fixed, keys are made once for each request in a process, so that
//! two runs of one scenario hold equal Secrets.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use stylobate::apply::{Material, material};
use stylobate::plan::Mint;
use stylobate::secret::SecretText;

use super::World;

static MADE: LazyLock<Mutex<HashMap<String, Material>>> = LazyLock::new(Mutex::default);

/// Takes a `Mint` step.
pub fn mint(world: &mut World, mint: &Mint) {
    let seen = world.observe();
    let signer = mint.signer().map(|name| seen.children.secret(name).expect("the authority comes first"));
    let signer = signer.unwrap_or_default();
    if let Mint::MovePassphrase { .. } | Mint::DropPassphrase { .. } = mint {
        // What it makes is what it finds.
        let made = material(mint, &seen.name().name, &signer, world.now).expect("material");
        let mut data = seen.children.secret(mint.secret()).unwrap_or_default();
        data.extend(made.set);
        made.remove.iter().for_each(|key| drop(data.remove(*key)));
        world.put_secret(mint.secret(), &data);
        return;
    }
    let text = |key: &str| signer.get(key).map(SecretText::expose).unwrap_or_default().to_owned();
    let request = format!("{mint:?} {} {} {}", text("ca.crt"), text("next.crt"), world.now);
    let mut data = seen.children.secret(mint.secret()).unwrap_or_default();
    let mut made = MADE.lock().expect("no test panicked here");
    let made = made
        .entry(request)
        .or_insert_with(|| material(mint, &seen.name().name, &signer, world.now).expect("material"));
    data.extend(made.set.clone());
    for key in &made.remove {
        data.remove(*key);
    }
    if let Mint::Passwords { secret, keys, .. } = mint {
        for key in keys {
            data.insert(key.clone(), SecretText::new(format!("password-{secret}-{key}")));
        }
    }
    world.put_secret(mint.secret(), &data);
}
