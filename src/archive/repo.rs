//! The lines of pgBackRest's configuration that lead to one place, and the files beside it that they name.

use crate::engine::paths;
use crate::observe::SecretData;
use crate::secret::SecretText;

use super::place::{AUTHORITY, GCS_KEY, Login, Place, S3_KEY, S3_SECRET, s3_host};

/// Folder of the archive on its volume.
const FOLDER: &str = "stylobate";
/// What is sent at once to an emulator. Google's answer to an upload in parts names it in a header (`X-GUploader-UploadID`) that
/// fake-gcs-server 1.56 does not send ("upload id missing", seen), so what is larger than this can't be put there. Each process of
/// pgBackRest has a buffer of this size: in production its own 4 MiB are right.
const EMULATOR_CHUNK: &str = "32MiB";

/// Text of an entry of a Secret: its name and the entry's.
pub type Entry<'a> = &'a dyn Fn(&str, &str) -> Option<SecretText>;

/// Lines and files.
pub struct Repo {
    /// Number of the place, as pgBackRest counts them.
    number: u8,
    /// Lines of the section `global`.
    pub lines: Vec<String>,
    /// Files in the folder of the configuration.
    pub files: SecretData,
}

impl Repo {
    /// Of this place, which has this number; none while an entry that leads there is not to be had. `prefix` stands before the name of
    /// each file.
    pub fn of(place: &Place, number: u8, prefix: &str, entry: Entry) -> Option<Self> {
        let mut repo = Self { number, lines: Vec::new(), files: SecretData::new() };
        match place {
            Place::Gcs { bucket, prefix: folder, endpoint, login, authority } => {
                repo.set("type", "gcs");
                repo.set("path", &format!("/{folder}"));
                repo.set("gcs-bucket", bucket);
                match login {
                    Login::Workload => repo.set("gcs-key-type", "auto"),
                    Login::Key(secret) => {
                        repo.set("gcs-key-type", "service");
                        repo.file("gcs-key", prefix, GCS_KEY, entry(secret, GCS_KEY)?);
                    }
                    Login::Anonymous => {
                        repo.set("gcs-key-type", "token");
                        repo.set("gcs-key", "none");
                        repo.set("storage-upload-chunk-size", EMULATOR_CHUNK);
                    }
                }
                if let Some(endpoint) = endpoint {
                    repo.set("gcs-endpoint", endpoint);
                }
                repo.trusts(authority.as_ref(), prefix, entry)?;
            }
            Place::S3 { bucket, prefix: folder, region, endpoint, path_style, credentials, authority } => {
                repo.set("type", "s3");
                repo.set("path", &format!("/{folder}"));
                repo.set("s3-bucket", bucket);
                repo.set("s3-region", region);
                repo.set("s3-endpoint", &endpoint.clone().unwrap_or_else(|| s3_host(region)));
                repo.set("s3-uri-style", if *path_style { "path" } else { "host" });
                // pgBackRest takes them from the configuration or the environment alone. It is in a Secret, as the passphrase is.
                repo.set("s3-key", entry(credentials, S3_KEY)?.expose());
                repo.set("s3-key-secret", entry(credentials, S3_SECRET)?.expose());
                repo.trusts(authority.as_ref(), prefix, entry)?;
            }
            Place::Volume { claim: _ } => {
                repo.set("type", "posix");
                repo.set("path", &format!("{}/{FOLDER}", paths::ARCHIVE_VOLUME));
            }
        }
        Some(repo)
    }

    /// Sets an option.
    pub fn set(&mut self, name: &str, value: &str) {
        self.lines.push(format!("repo{}-{name}={}", self.number, one_line(value)));
    }

    fn file(&mut self, option: &str, prefix: &str, name: &str, text: SecretText) {
        let name = format!("{prefix}{name}");
        self.set(option, &format!("{}/{name}", paths::ARCHIVE));
        self.files.insert(name, text);
    }

    fn trusts(&mut self, authority: Option<&String>, prefix: &str, entry: Entry) -> Option<()> {
        if let Some(secret) = authority {
            self.file("storage-ca-file", prefix, AUTHORITY, entry(secret, AUTHORITY)?);
        }
        Some(())
    }
}

/// A value is one line: what a Secret of somebody else's has after it is no option of its own.
pub fn one_line(value: &str) -> &str {
    value.lines().next().unwrap_or_default()
}
