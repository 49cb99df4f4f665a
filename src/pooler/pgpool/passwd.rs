//! Pgpool's password file. SCRAM towards a client needs the password itself, so the file lives in a Secret alone.
//!
//! Pgpool-II reads a line as fields apart by ':' with '\' as the escape (`pool_get_user_credentials`). Found by experiment
//! with 4.6.1: a ':' or '\' that is not escaped makes every login of that user fail.

//! It hashes a password as it stands there, while clients and the server prepare theirs by SASLprep (RFC 4013) first: one that is changed by
//! that has to stand there prepared, or nobody gets in with it.

use std::borrow::Cow;

use crate::secret::SecretText;

/// `pool_passwd`: a line `name:TEXTpassword` for each user, sorted by name.
pub fn password_file<'a>(users: impl Iterator<Item = (&'a str, &'a SecretText)>) -> SecretText {
    let mut lines: Vec<String> = users
        .map(|(name, password)| format!("{}:TEXT{}\n", escaped(name), escaped(&prepared(password.expose()))))
        .collect();
    lines.sort_unstable();
    SecretText::new(lines.concat())
}

/// A password as clients and the server hash it: one that can't be prepared is taken as it is (`pg_saslprep` of PostgreSQL).
pub fn prepared(password: &str) -> Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(password.into())
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace(':', r"\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_characters_that_pgpool_reads_itself_are_escaped_and_no_other() {
        let password = SecretText::new(r#"a:b'c"d\e f$#ü"#);
        let file = password_file([("odd:na\\me", &password)].into_iter());
        assert_eq!(file.expose(), "odd\\:na\\\\me:TEXTa\\:b'c\"d\\\\e f$#ü\n");
    }

    #[test]
    fn a_password_that_saslprep_changes_stands_there_as_clients_hash_it() {
        let line = |password: &str| {
            let password = SecretText::new(password);
            password_file([("app", &password)].into_iter()).expose().to_owned()
        };
        assert_eq!(line("e\u{301}"), "app:TEXT\u{e9}\n", "composed");
        assert_eq!(line("a\u{a0}b"), "app:TEXTa b\n", "a space that does not break is a space");
        assert_eq!(line("a\u{2060}b"), "app:TEXTab\n", "what nobody sees is nothing");
        assert_eq!(line("a\u{7}b"), "app:TEXTa\u{7}b\n", "no password by SASLprep at all");
    }
}
