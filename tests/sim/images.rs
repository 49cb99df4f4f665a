//! The image catalog of this world, written as text and read by the operator's own parser.

use std::fmt::Write as _;

use stylobate::images::CatalogSeen;
use stylobate::name::digest;

use super::World;

/// One image that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Version of its server, of the newer one where it has two.
    pub version: String,
    /// The older major that it has as well.
    pub from: Option<String>,
    /// Which build of it: each has a digest of its own.
    pub build: u32,
    /// Why it is withdrawn.
    pub withdrawn: Option<String>,
}

impl Offer {
    /// An offer by its word: `17.91`, or `15>17.91` for an image that upgrades.
    fn of(word: &str) -> Self {
        let (from, version) =
            word.split_once('>').map_or((None, word), |(from, version)| (Some(from), version));
        Self { version: version.to_owned(), from: from.map(str::to_owned), build: 1, withdrawn: None }
    }

    fn word(&self) -> String {
        self.from.as_ref().map_or(self.version.clone(), |from| format!("{from}>{}", self.version))
    }

    fn image(&self) -> String {
        let tag = self.word().replace('>', "-to-");
        let digest = digest(format!("{tag} build {}", self.build).as_bytes());
        format!("localhost/stylobate/postgres:{tag}@sha256:{digest}")
    }

    fn line(&self) -> String {
        let mut line = format!(
            "- {{flavor: Postgres, version: \"{}\", image: \"{}\", since: \"2026-11-20\"",
            self.version,
            self.image()
        );
        if let Some(reason) = &self.withdrawn {
            let _ = write!(line, ", withdrawn: \"{reason}\"");
        }
        if let Some(from) = &self.from {
            let _ = write!(line, ", upgradesFrom: {from}");
        }
        line + "}\n"
    }
}

/// What is offered when a script begins.
pub fn offers() -> Vec<Offer> {
    ["17.90", "17.91", "15.90", "15>17.91"].map(Offer::of).to_vec()
}

/// The text of a catalog.
pub fn text(offers: &[Offer]) -> String {
    offers.iter().map(Offer::line).collect()
}

/// The catalog as the operator reads it.
pub fn read(offers: &[Offer]) -> CatalogSeen {
    CatalogSeen::of(Some(&text(offers)))
}

impl World {
    /// Changes the catalog; the words are those of a script.
    pub fn change_catalog(&mut self, words: &[&str]) {
        match words {
            ["adds", word] => self.offers.push(Offer::of(word)),
            ["drops", word] => {
                let before = self.offers.len();
                self.offers.retain(|offer| offer.word() != **word);
                assert!(self.offers.len() < before, "there is no {word} in the catalog");
            }
            ["rebuilds", word] => self.offer(word).build += 1,
            ["withdraws", word, reason @ ..] => self.offer(word).withdrawn = Some(reason.join(" ")),
            ["offers", word, "again"] => self.offer(word).withdrawn = None,
            ["vanishes"] => {
                self.images = CatalogSeen::Missing;
                return;
            }
            ["is", "back"] => {}
            ["reads", rest @ ..] => {
                self.images = CatalogSeen::of(Some(&rest.join(" ")));
                return;
            }
            other => panic!("the catalog does not know: {other:?}"),
        }
        self.images = read(&self.offers);
    }

    fn offer(&mut self, word: &str) -> &mut Offer {
        let found = self.offers.iter_mut().find(|offer| offer.word() == word);
        found.unwrap_or_else(|| panic!("there is no {word} in the catalog"))
    }

    /// True for an image that no registry has.
    pub fn is_missing(&self, image: &str) -> bool {
        self.missing_images.contains(image.split('@').next().unwrap_or_default())
    }

    /// Version and image as the status tells them.
    pub fn show_engine(&self) -> String {
        let engine =
            self.cluster.status.as_ref().and_then(|status| status.engine.clone()).unwrap_or_default();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
        let mut text = format!(
            "  runs {}, wants {} ({:?}), {} available",
            or_none(engine.running),
            or_none(engine.wanted),
            engine.source,
            or_none(engine.available)
        );
        if let Some(why) = engine.withdrawn {
            let _ = write!(text, ", withdrawn: {why}");
        }
        if let Some(behind) = engine.behind {
            let _ = write!(text, ", behind: {behind:?}");
        }
        text + "\n"
    }
}
