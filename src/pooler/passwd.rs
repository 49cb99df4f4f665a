//! Pgpool's password file. SCRAM towards a client needs the password itself, so the file lives in a Secret alone.
//!
//! Pgpool-II reads a line as fields apart by ':' with '\' as the escape (`pool_get_user_credentials`). Found by experiment
//! with 4.6.1: a ':' or '\' that is not escaped makes every login of that user fail.

use crate::secret::SecretText;

/// `pool_passwd`: a line `name:TEXTpassword` for each user, sorted by name.
pub fn password_file<'a>(users: impl Iterator<Item = (&'a str, &'a SecretText)>) -> SecretText {
    let mut lines: Vec<String> = users
        .map(|(name, password)| format!("{}:TEXT{}\n", escaped(name), escaped(password.expose())))
        .collect();
    lines.sort_unstable();
    SecretText::new(lines.concat())
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
}
