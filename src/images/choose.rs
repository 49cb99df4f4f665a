//! What a cluster runs: the version and image that its spec asks for, as far as the catalog offers them; else what runs is kept.
//!
//! Nothing goes back by itself: what is compared with the catalog is the version that the primary serves, by its own word. So a
//! newer minor that is withdrawn while it is being rolled out is taken back before it reaches the primary, and stays afterwards.

use crate::api::{EngineSource, Flavor};
use crate::target::{Problem, Version, Wanted};

use super::{CONFIG_MAP, CatalogSeen, Entry, ImageCatalog, majors, place, short, version as by_tag};

/// Field that asks for a version.
const FIELD: &str = "spec.engine.version";
/// Faults of the catalog that a cluster's condition repeats: whoever mends it reads all of them there.
const FAULTS: usize = 3;

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Version.
    pub version: Version,
    /// Image.
    pub image: String,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Which engine.
    pub flavor: Flavor,
    /// What the spec asks for.
    pub wanted: Wanted,
    /// `spec.engine.image`.
    pub pinned: Option<&'a str>,
    /// The catalog.
    pub catalog: &'a CatalogSeen,
    /// Namespace of the catalog, for messages.
    pub namespace: &'a str,
    /// What members were made for last; none for a cluster that has none.
    pub made: Option<&'a Running>,
    /// What the primary runs; none while there is none.
    pub serving: Option<&'a Running>,
}

/// What members are brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Version.
    pub version: Version,
    /// Image.
    pub image: String,
    /// How they were come by.
    pub standing: Standing,
}

/// How a version and its image were come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where the image is from.
    pub source: EngineSource,
    /// The newest minor of the major that the catalog offers.
    pub available: Option<Version>,
    /// Why the catalog says that it must not run any more.
    pub withdrawn: Option<String>,
    /// Why what runs is kept, for a person to look at.
    pub doubt: Option<(Doubt, String)>,
}

/// Why what runs is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// There is no catalog.
    Missing,
    /// The catalog is refused.
    Invalid,
    /// The catalog does not have what runs.
    NotOffered,
    /// What runs is withdrawn.
    Withdrawn,
}

/// The version and image of a cluster whose data is of the major that it asks for, or that has no data yet.
///
/// # Errors
/// What can't be had, with what can.
pub fn choose(ask: &Ask) -> Result<Choice, Problem> {
    if let Some(image) = ask.pinned {
        return pinned(ask, image);
    }
    let catalog = match ask.catalog {
        CatalogSeen::Good(catalog) => catalog,
        CatalogSeen::Missing | CatalogSeen::Invalid(_) => return without(ask),
    };
    let offered = ask.newest(catalog);
    match ask.wanted {
        Wanted::Major(_) => match offered {
            Some(entry) => match ask.serves().filter(|serves| serves.version > entry.version) {
                None => Ok(ask.take(entry)),
                Some(serves) => Ok(ask.keep(serves, ask.newer(catalog, serves, entry))),
            },
            None => match ask.serves() {
                Some(serves) => Ok(ask.keep(serves, ask.gone(catalog, serves))),
                None => Err(ask.unoffered(catalog)),
            },
        },
        Wanted::Exact(version) => {
            let entry = catalog.find(ask.flavor, version, None);
            if let Some(entry) = entry.filter(|entry| entry.withdrawn.is_none()) {
                return Ok(ask.take(entry));
            }
            match (ask.serves(), entry) {
                (Some(serves), _) => Ok(ask.keep(serves, ask.gone(catalog, serves))),
                (None, None) => Err(ask.unoffered(catalog)),
                (None, Some(entry)) => Err(ask.withdrawn(catalog, entry)),
            }
        }
    }
}

/// The image that has the servers of both majors, and the version that data of `from` is upgraded to.
///
/// # Errors
/// What is missing in the catalog.
pub fn for_upgrade(ask: &Ask, from: Version) -> Result<Choice, Problem> {
    let plain = choose(&Ask { made: None, serving: None, ..*ask })?;
    let CatalogSeen::Good(catalog) = ask.catalog else { return Ok(plain) };
    if ask.pinned.is_some() {
        return Ok(plain);
    }
    let found = match ask.wanted {
        Wanted::Major(major) => catalog.newest(ask.flavor, major, Some(from.major)),
        Wanted::Exact(version) => catalog.find(ask.flavor, version, Some(from.major)),
    };
    let wanting = |lack: String| {
        let remedy = format!(
            "the data is of PostgreSQL {from}, and an upgrade takes an image with both servers, {lack}: whoever keeps {} adds an entry \
             {{flavor: {:?}, version: \"{}\", upgradesFrom: {}}}. Until then write {}; nothing has begun",
            place(ask.namespace),
            ask.flavor,
            plain.version,
            from.major,
            from.major
        );
        Problem::new(FIELD, ask.wanted, remedy)
    };
    match found {
        None => Err(wanting("which is not offered".into())),
        Some(Entry { withdrawn: Some(reason), .. }) => Err(wanting(format!("which is withdrawn ({reason})"))),
        Some(entry) => Ok(Choice { version: entry.version, image: entry.image.clone(), ..plain }),
    }
}

/// The image with which an upgrade of data of major `from` to this version goes on once it has begun: the one that members have, or
/// the one that a person names, whatever became of the catalog. None where members have none.
pub fn going_on(ask: &Ask, version: Version, from: i32) -> Option<Choice> {
    let image = ask.pinned.or(Some(ask.made?.image.as_str()))?.to_owned();
    let entry = ask.catalog.good().and_then(|catalog| catalog.find(ask.flavor, version, Some(from)));
    let source = match (ask.pinned, entry) {
        (Some(_), _) => EngineSource::Spec,
        (None, Some(entry)) if entry.image == image => EngineSource::Catalog,
        (None, _) => EngineSource::Kept,
    };
    Some(Choice { version, image, standing: ask.sound(source) })
}

/// An image of a person's own. Which major it has must not be in doubt, and a minor has to be known to be told.
fn pinned(ask: &Ask, image: &str) -> Result<Choice, Problem> {
    let major = ask.wanted.major();
    let has = majors(image);
    if !has.is_empty() && !has.contains(&major) {
        let remedy = format!(
            "its tag says PostgreSQL {}, but {FIELD} is {}: name an image of PostgreSQL {major}, or leave the field out",
            has[0], ask.wanted
        );
        return Err(Problem::new("spec.engine.image", image, remedy));
    }
    let told = || by_tag(image).filter(|version| version.major == major);
    let known = || {
        [ask.serving, ask.made]
            .into_iter()
            .flatten()
            .find(|runs| runs.image == image && runs.version.major == major)
    };
    let version = match ask.wanted {
        Wanted::Exact(version) => Some(version),
        Wanted::Major(_) => told().or_else(|| known().map(|runs| runs.version)),
    };
    let Some(version) = version else {
        let remedy = format!(
            "spec.engine.image is an image of your own, and its tag does not tell the minor: write the minor that is in it, as {major}.91"
        );
        return Err(Problem::new(FIELD, ask.wanted, remedy));
    };
    let catalog = ask.catalog.good();
    let same = catalog.and_then(|catalog| catalog.entries().iter().find(|entry| entry.image == image));
    let withdrawn = same.and_then(|entry| entry.withdrawn.clone());
    let doubt = withdrawn.as_ref().map(|reason| {
        let instead = catalog.and_then(|catalog| ask.newest(catalog)).map_or("another one".into(), |entry| entry.image.clone());
        let message = format!(
            "spec.engine.image names {}, which is withdrawn from {}: {reason}. Name {instead}, or leave the field out",
            short(image),
            place(ask.namespace)
        );
        (Doubt::Withdrawn, message)
    });
    let standing = Standing { source: EngineSource::Spec, available: ask.available(), withdrawn, doubt };
    Ok(Choice { version, image: image.to_owned(), standing })
}

/// Without a catalog that counts: what members were made for last stays, also when the primary does not run it yet, since each
/// other answer would restart members for no reason.
fn without(ask: &Ask) -> Result<Choice, Problem> {
    let place = place(ask.namespace);
    let (doubt, lack, remedy) = match ask.catalog {
        CatalogSeen::Invalid(problems) => {
            let told: Vec<String> = problems.iter().take(FAULTS).map(Problem::to_string).collect();
            let remedy = format!("kubectl -n {} edit configmap {CONFIG_MAP}", ask.namespace);
            (Doubt::Invalid, format!("{place} is refused: {}", told.join("; ")), remedy)
        }
        CatalogSeen::Missing | CatalogSeen::Good(_) => {
            let remedy = "upgrade the operator's chart with its value engineImages, which makes it";
            (Doubt::Missing, format!("{place} does not exist"), remedy.to_owned())
        }
    };
    let made = ask.made.or(ask.serving).filter(|made| ask.wanted.takes(made.version));
    match made {
        Some(made) => {
            let message = format!(
                "{lack}. To mend it, {remedy}. Until then PostgreSQL {} is kept as it runs, and no newer minor comes",
                made.version
            );
            Ok(ask.keep(made, (doubt, message)))
        }
        None => {
            let remedy = format!(
                "{lack}, so no image of PostgreSQL {} is known. To mend it, {remedy}, or name an image in spec.engine.image",
                ask.wanted
            );
            Err(Problem::new(FIELD, ask.wanted, remedy))
        }
    }
}

impl<'a> Ask<'a> {
    fn newest<'c>(&self, catalog: &'c ImageCatalog) -> Option<&'c Entry> {
        catalog.newest(self.flavor, self.wanted.major(), None)
    }

    fn available(&self) -> Option<Version> {
        Some(self.newest(self.catalog.good()?)?.version)
    }

    /// What serves, when it is what the spec asks for: the primary's word, else what members were made for.
    fn serves(&self) -> Option<&'a Running> {
        self.serving.or(self.made).filter(|serves| self.wanted.takes(serves.version))
    }

    /// Nothing speaks against it.
    fn sound(&self, source: EngineSource) -> Standing {
        Standing { source, available: self.available(), withdrawn: None, doubt: None }
    }

    fn take(&self, entry: &Entry) -> Choice {
        Choice {
            version: entry.version,
            image: entry.image.clone(),
            standing: self.sound(EngineSource::Catalog),
        }
    }

    fn keep(&self, runs: &Running, doubt: (Doubt, String)) -> Choice {
        let entry = self.catalog.good().and_then(|catalog| catalog.find(self.flavor, runs.version, None));
        let standing = Standing {
            withdrawn: entry.and_then(|entry| entry.withdrawn.clone()),
            doubt: Some(doubt),
            ..self.sound(EngineSource::Kept)
        };
        Choice { version: runs.version, image: runs.image.clone(), standing }
    }

    /// What runs is newer than all that may be taken.
    fn newer(&self, catalog: &ImageCatalog, serves: &Running, entry: &Entry) -> (Doubt, String) {
        let (doubt, why) = self.standing(catalog, serves);
        let message = format!(
            "PostgreSQL {} runs, and it {why}. The newest that is offered is {}, and nothing goes back by itself: write {FIELD} as {} to go \
             back, or wait for a newer one",
            serves.version, entry.version, entry.version
        );
        (doubt, message)
    }

    /// What runs is asked for and is not to be had any more.
    fn gone(&self, catalog: &ImageCatalog, serves: &Running) -> (Doubt, String) {
        let (doubt, why) = self.standing(catalog, serves);
        let remedy = match self.newest(catalog) {
            Some(entry) => format!(
                "write {FIELD} as {}, or as {} to have the newest, which is {}",
                entry.version, entry.version.major, entry.version
            ),
            None => format!(
                "no other PostgreSQL {} is offered: whoever keeps the catalog adds one",
                serves.version.major
            ),
        };
        (doubt, format!("PostgreSQL {} runs, and it {why}. It is kept as it runs; {remedy}", serves.version))
    }

    /// What the catalog says of a version that runs.
    fn standing(&self, catalog: &ImageCatalog, serves: &Running) -> (Doubt, String) {
        let place = place(self.namespace);
        match catalog.find(self.flavor, serves.version, None).and_then(|entry| entry.withdrawn.as_ref()) {
            Some(reason) => (Doubt::Withdrawn, format!("is withdrawn from {place}: {reason}")),
            None => (Doubt::NotOffered, format!("is not in {place}")),
        }
    }

    fn unoffered(&self, catalog: &ImageCatalog) -> Problem {
        let what = match self.wanted {
            Wanted::Major(major) => format!("no minor of PostgreSQL {major}"),
            Wanted::Exact(_) => "no image of this version".to_owned(),
        };
        let remedy = format!(
            "{} offers {what}: write a version that it offers ({}) or its major, or have one added",
            place(self.namespace),
            catalog.offered(self.flavor)
        );
        Problem::new(FIELD, self.wanted, remedy)
    }

    fn withdrawn(&self, catalog: &ImageCatalog, entry: &Entry) -> Problem {
        let reason = entry.withdrawn.as_deref().unwrap_or_default();
        let instead = match self.newest(catalog) {
            Some(newest) => {
                format!("write {}, or {} to have the newest", newest.version, newest.version.major)
            }
            None => format!("no other PostgreSQL {} is offered", entry.version.major),
        };
        let remedy = format!(
            "it is withdrawn from {}: {reason}. Nothing is brought to it; {instead}",
            place(self.namespace)
        );
        Problem::new(FIELD, self.wanted, remedy)
    }
}

#[cfg(test)]
mod tests;
