//! A major upgrade begins only with an image that the catalog still offers: once the new server has taken writes there is no way
//! back, so an image that was withdrawn meanwhile must not be the one that upgrades the data.

use crate::images::{CatalogSeen, place};
use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule.
pub struct ImageOffered;

impl Policy for ImageOffered {
    fn id(&self) -> &'static str {
        "image-offered"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::BeginUpgrade { from, to, .. } = step else { return None };
        let engine = &case.seen.cluster.spec.engine;
        if engine.image.is_some() {
            return None;
        }
        let place = place(&case.seen.platform.namespace);
        let why = match &case.seen.images {
            CatalogSeen::Missing => format!("{place} does not exist any more"),
            CatalogSeen::Invalid(_) => format!("{place} is refused"),
            CatalogSeen::Good(catalog) => match catalog.find(engine.flavor, *to, Some(from.major)) {
                None => format!("{place} does not offer the image for it any more"),
                Some(entry) => match &entry.withdrawn {
                    None => return None,
                    Some(reason) => format!("the image for it is withdrawn from {place}: {reason}"),
                },
            },
        };
        Some(Objection {
            reason: format!("members run the image with both servers, but {why}"),
            remedy: format!(
                "have an entry for version {to} with upgradesFrom {} there again, or write spec.engine.version as {}: {from} serves as before",
                from.major, from.major
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{Child, Kind};
    use crate::fixture::{catalog, observed, start};
    use crate::target::Version;
    use serde_json::json;

    fn held(spec: serde_json::Value, images: CatalogSeen) -> Option<String> {
        let mut seen = observed(spec);
        seen.images = images;
        let set = Box::new(Child::new(Kind::StatefulSet, "c", &json!({})));
        let (from, to) = (Version { major: 15, minor: 90 }, Version { major: 17, minor: 91 });
        let step = Step::BeginUpgrade { set, from, to };
        ImageOffered.judge(&step, &Case { seen: &seen, now: start() }).map(|objection| objection.reason)
    }

    #[test]
    fn only_an_image_that_is_offered_upgrades_data() {
        assert_eq!(held(json!({}), catalog(&["17.91", "15>17.91"])), None);
        let withdrawn = held(json!({}), catalog(&["17.91", "15>17.91!"])).unwrap();
        assert!(
            withdrawn.contains("is withdrawn from the image catalog") && withdrawn.ends_with("for a test"),
            "{withdrawn}"
        );
        assert!(
            held(json!({}), catalog(&["17.91"]))
                .unwrap()
                .ends_with("does not offer the image for it any more")
        );
        assert!(held(json!({}), CatalogSeen::Missing).unwrap().ends_with("does not exist any more"));
        assert!(held(json!({}), CatalogSeen::of(Some("x"))).unwrap().ends_with("is refused"));
    }

    #[test]
    fn an_image_of_a_persons_own_needs_no_catalog() {
        let engine = json!({"engine": {"version": "17.91", "image": "own/postgres:15-to-17.91"}});
        assert_eq!(held(engine, CatalogSeen::Missing), None);
    }
}
