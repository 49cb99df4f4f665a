//! Pgpool's password file. SCRAM towards a client needs the password itself, so the file lives in a Secret alone.

use crate::secret::SecretText;

/// `pool_passwd`: a line `name:TEXTpassword` for each user, sorted by name.
pub fn password_file<'a>(users: impl Iterator<Item = (&'a str, &'a SecretText)>) -> SecretText {
    let mut lines: Vec<String> =
        users.map(|(name, password)| format!("{name}:TEXT{}\n", password.expose())).collect();
    lines.sort_unstable();
    SecretText::new(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_stand_as_they_are() {
        let password = SecretText::new(r#"a:b'c"d\e f$ü"#);
        let file = password_file([("app", &password)].into_iter());
        assert_eq!(file.expose(), "app:TEXTa:b'c\"d\\e f$ü\n");
    }
}
