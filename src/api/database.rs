//! A database of `spec.databases`: how it is made, and what is in it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::told;

/// A database.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.name in ['postgres', 'template0', 'template1'])").message(
    told("spec.databases[].name", "self.name", "postgres, template0 and template1 are the system's own. Choose another name")
))]
#[x_kube(validation = Rule::new("!has(self.template) || self.template == 'template0' || !(has(self.encoding) || has(self.locale))").message(
    "spec.databases[] has a template besides encoding or locale: a copy has those of its template, so remove them, or take template0"
))]
pub struct Database {
    /// Name of the database, 1 to 63 bytes, any text that Postgres takes (it is quoted).
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// User of `spec.users` that owns it.
    #[schemars(length(min = 1, max = 63))]
    pub owner: String,
    /// Extensions to create in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    pub extensions: Vec<String>,
    /// Schema and version of extensions. One that stands here need not stand in `extensions` too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub extension_options: Vec<ExtensionOptions>,
    /// Encoding, as `UTF8` (that of the cluster, when absent) or `LATIN1`. It counts when the database is made; one that differs is told, and
    /// nothing is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), regex(pattern = "^[A-Za-z0-9_]+$"))]
    pub encoding: Option<String>,
    /// How text is sorted and what is a letter; by code point when absent. It counts when the database is made, as the encoding does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Database of the list that it is made a copy of, while nobody is connected to that; an empty one when absent. It counts when the
    /// database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub template: Option<String>,
}

/// How text is sorted and what is a letter.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Locale {
    /// Who knows it.
    pub provider: LocaleProvider,
    /// Its name: `en-US` or `und` for `Icu`, `en_US.UTF-8` for `Libc`, `C.UTF-8` for `Builtin`. `docs/operations.md` lists those of the image.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_.@-]+$"))]
    pub name: String,
}

/// Who knows a locale.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocaleProvider {
    /// The C library of the image. An image with another one sorts in another way, and indexes of text have to be made anew.
    Libc,
    /// The ICU library of the image. The same holds for it.
    Icu,
    /// PostgreSQL itself, from 17 on: `C` and `C.UTF-8`, which never change.
    Builtin,
}

/// Where an extension is, and its version.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.schema) || !self.schema.startsWith('pg_') || self.schema == 'pg_catalog'").message(
    "spec.databases[].extensionOptions[].schema begins with pg_, which is the server's: choose another name"
))]
pub struct ExtensionOptions {
    /// Name of the extension.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Schema that its objects are in; it is made where it is not there. `public` when absent, or that of an extension which can't be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: Option<String>,
    /// Version that it is brought to, as `1.3`. When absent: the newest when it is created, and it stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Za-z0-9_.]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$"))]
    pub version: Option<String>,
}

impl Database {
    /// All extensions that are wanted, each once.
    pub fn wanted_extensions(&self) -> Vec<String> {
        let mut names = self.extensions.clone();
        names.extend(self.extension_options.iter().map(|options| options.name.clone()));
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
}
