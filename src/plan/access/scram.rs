//! Whether a stored SCRAM verifier is that of a password (RFC 5802 and RFC 7677, as stored by PostgreSQL:
//! `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`).

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

/// True when `verifier` was made from `password`. Anything that is no verifier matches nothing.
pub fn matches(verifier: &str, password: &str) -> bool {
    parse(verifier)
        .is_some_and(|(iterations, salt, stored)| stored_key(password, iterations, &salt) == stored)
}

fn parse(verifier: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let (parameters, keys) = verifier.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored, _server) = keys.split_once(':')?;
    Some((iterations.parse().ok()?, STANDARD.decode(salt).ok()?, STANDARD.decode(stored).ok()?))
}

fn stored_key(password: &str, iterations: NonZeroU32, salt: &[u8]) -> Vec<u8> {
    // PostgreSQL prepares a password by SASLprep and takes it as it is where that fails.
    let prepared = stringprep::saslprep(password).unwrap_or(password.into());
    let mut salted = [0u8; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, prepared.as_bytes(), &mut salted);
    let client_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), b"Client Key");
    digest::digest(&digest::SHA256, client_key.as_ref()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postgres_protocol::password::scram_sha_256;

    #[test]
    fn a_verifier_matches_its_password_and_no_other() {
        for password in ["pencil", r#"a:b'c"d\e f$ü"#, "ﬁx", " "] {
            let verifier = scram_sha_256(password.as_bytes());
            assert!(matches(&verifier, password), "{password}");
            assert!(!matches(&verifier, "other"));
        }
        assert!(!matches("md5abc", "abc"));
    }
}
