//! What a snapshot's name tells: of which backup it is. By it snapshots are found that no backup knows.

/// A snapshot that backups of this installation made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// UID of the backup that ordered it.
    pub backup_uid: String,
    /// Namespace of that backup; empty where nothing says it.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it is, in its provider's words.
    pub place: String,
    /// When it was made, in seconds since 1970.
    pub made_at: i64,
}

/// The UID in a name that [`crate::name::snapshot`] makes; none in a name of another form.
pub fn backup_uid(name: &str) -> Option<&str> {
    let (uid, group) = name.strip_prefix("stylobate-")?.rsplit_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (uid.len() == 36 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') && digits(group))
        .then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_form_tell_a_backup() {
        let uid = "0b1c2d3e-0000-4000-8000-000000000001";
        assert_eq!(backup_uid(&crate::name::snapshot(uid, 12)), Some(uid));
        for name in [
            "stylobate-x-0",
            "nightly",
            &format!("stylobate-{uid}-"),
            &format!("stylobate-{uid}-x"),
            &format!("other-{uid}-0"),
        ] {
            assert_eq!(backup_uid(name), None, "{name}");
        }
    }
}
