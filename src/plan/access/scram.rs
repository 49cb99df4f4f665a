//! Whether a stored SCRAM verifier is that of a password (RFC 5802 and RFC 7677, as stored by PostgreSQL:
//! `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`).
//!
//! A role may store a verifier of its own making, with any number of iterations up to 4,294,967,295: half an hour of work for us, in
//! every round. Only one with as many as we set can be what we set, so no other is worked out. And what was worked out once is
//! remembered, by a digest: the same question comes in every round.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::pooler::prepared;
use crate::secret::SecretText;

/// Iterations of a verifier that we set (`postgres_protocol::password::scram_sha_256`), and of the server's own by default.
const ITERATIONS: u32 = 4096;
/// Answers that are remembered: 64 users of some hundred clusters. Past it all are forgotten and worked out again, 1 ms each.
const MOST: usize = 1 << 16;

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

static KNOWN: LazyLock<Mutex<HashMap<Digest, bool>>> = LazyLock::new(Mutex::default);

/// True when `verifier` was made from `password` as we make them. Anything else matches nothing.
pub fn matches(verifier: &SecretText, password: &SecretText) -> bool {
    let (verifier, password) = (verifier.expose(), password.expose());
    let Some(parsed) = parse(verifier) else { return false };
    let question = question(verifier, password);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = known().get(&question) {
        return *answer;
    }
    let answer = parsed.is_of(password);
    let mut known = known();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(question, answer);
    answer
}

fn question(verifier: &str, password: &str) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    // No verifier has a NUL in it, so that one pair is no other.
    for part in [verifier.as_bytes(), &[0], password.as_bytes()] {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("a digest has its length")
}

/// A verifier that may be ours.
struct Verifier {
    salt: Vec<u8>,
    stored: Vec<u8>,
    server: Vec<u8>,
}

fn parse(verifier: &str) -> Option<Verifier> {
    let (parameters, keys) = verifier.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    if iterations.parse() != Ok(ITERATIONS) {
        return None;
    }
    let bytes = |text: &str| STANDARD.decode(text).ok();
    Some(Verifier { salt: bytes(salt)?, stored: bytes(stored)?, server: bytes(server)? })
}

impl Verifier {
    fn is_of(&self, password: &str) -> bool {
        // PostgreSQL prepares a password by SASLprep and takes it as it is where that fails.
        let prepared = prepared(password);
        let iterations = NonZeroU32::new(ITERATIONS).expect("a constant that is not zero");
        let mut salted = [0u8; 32];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, &self.salt, prepared.as_bytes(), &mut salted);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client = hmac::sign(&key, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        // With another key of the server's, clients that check it would refuse the server.
        stored.as_ref() == self.stored && hmac::sign(&key, b"Server Key").as_ref() == self.server
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postgres_protocol::password::scram_sha_256;
    use std::time::{Duration, Instant};

    fn of(verifier: &str, password: &str) -> bool {
        matches(&SecretText::new(verifier), &SecretText::new(password))
    }

    #[test]
    fn a_verifier_matches_its_password_and_no_other() {
        for password in ["pencil", r#"a:b'c"d\e f$ü"#, "ﬁx", " "] {
            let verifier = scram_sha_256(password.as_bytes());
            assert!(of(&verifier, password), "{password}");
            assert!(of(&verifier, password), "{password}, once it is known");
            assert!(!of(&verifier, "other"));
        }
        assert!(!of("md5abc", "abc"));
    }

    #[test]
    fn a_verifier_with_more_iterations_than_ours_is_none_of_ours_and_costs_nothing() {
        let verifier = scram_sha_256(b"pencil");
        let began = Instant::now();
        for iterations in ["4294967295", "100000000", "4097", "1", "0", "-1", "04096x"] {
            let own = verifier.replacen("$4096:", &format!("${iterations}:"), 1);
            assert!(!of(&own, "pencil"), "{iterations}");
        }
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_verifier_whose_servers_key_was_changed_is_not_that_of_the_password() {
        let verifier = scram_sha_256(b"pencil");
        let (kept, _) = verifier.rsplit_once(':').unwrap();
        let other = scram_sha_256(b"other");
        let (_, key) = other.rsplit_once(':').unwrap();
        assert!(!of(&format!("{kept}:{key}"), "pencil"));
    }
}
