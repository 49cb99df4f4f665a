//! Pgpool's password file, whatever names and passwords are.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use stylobate::pooler::{password_file, prepared};
use stylobate::secret::SecretText;

proptest! {
    #[test]
    fn pgpool_reads_back_each_name_and_password_as_written(
        users in btree_map("[^\n\r\0]{1,20}", "[^\n\r\0]{1,30}", 1..4)
    ) {
        let secrets: Vec<(String, SecretText)> =
            users.iter().map(|(name, text)| (name.clone(), SecretText::new(text.clone()))).collect();
        let file = password_file(secrets.iter().map(|(name, password)| (name.as_str(), password)));
        let read: BTreeMap<String, String> = file.expose().split_terminator('\n').map(pgpool_fields).collect();
        let wanted: BTreeMap<String, String> =
            users.into_iter().map(|(name, password)| (name, format!("TEXT{}", prepared(&password)))).collect();
        prop_assert_eq!(read, wanted);
    }
}

/// Name and password of a line of `pool_passwd` as Pgpool-II 4.6 takes it apart: '\' takes the next character as it is,
/// ':' ends a field, and whatever stands after the second field would be another user's.
fn pgpool_fields(line: &str) -> (String, String) {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(next) = characters.next() {
        match next {
            '\\' => fields.last_mut().expect("one at least").extend(characters.next()),
            ':' => fields.push(String::new()),
            other => fields.last_mut().expect("one at least").push(other),
        }
    }
    assert_eq!(fields.len(), 2, "{line:?} has {fields:?}");
    (fields.remove(0), fields.remove(0))
}
