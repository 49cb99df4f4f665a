//! Text that must never be printed: private keys and passwords.
//!
//! Every type that carries a secret holds it in a [`SecretText`], so `{:?}` of a whole plan, a log line or a panic message
//! cannot leak it. There is no `Display` and no `Serialize` on purpose: writing a secret anywhere takes a visible
//! [`SecretText::expose`], which a reviewer can search for.

use std::fmt;

use zeroize::Zeroizing;

/// What is printed instead of a secret.
const REDACTED: &str = "<redacted>";

/// A secret string: redacted in `Debug`, overwritten in memory when dropped.
///
/// `==` compares secrets to see whether an object has to be written again. It takes a time that depends on the content, so do
/// not use it to check what a stranger sent.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Wraps `text`. The buffer is taken over, not copied.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that hands it to a peer or to a `Secret` object.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_the_secret() {
        let secret = SecretText::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "<redacted> Some(<redacted>)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn equality_compares_the_content() {
        assert_eq!(SecretText::new("a"), SecretText::from("a".to_owned()));
        assert_ne!(SecretText::new("a"), SecretText::new("b"));
    }
}
