//! The file of `stylobate plan --catalog`: the ConfigMap of the image catalog, the chart's values, or the bare list. What the operator
//! would refuse is refused here with the same words.

use std::path::Path;

use serde_json::Value;

use crate::images::{CONFIG_MAP, ImageCatalog, KEY, parse};

use super::super::explain::Error;
use super::file::text;

/// Value of the operator's chart with the list.
const CHART_VALUE: &str = "engineImages";

/// Reads the catalog of a file; `-` is standard input.
///
/// # Errors
/// What can't be read, and every fault by which the operator would refuse it.
pub fn read(path: &Path) -> Result<ImageCatalog, Error> {
    of(&text(path)?).map_err(|faults| {
        let faults = faults.join("\n  ");
        Error::Plain(format!("the operator would refuse this image catalog, {}:\n  {faults}", path.display()))
    })
}

fn of(text: &str) -> Result<ImageCatalog, Vec<String>> {
    let told =
        |list: &str| parse(list).map_err(|problems| problems.iter().map(ToString::to_string).collect());
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        // The list's own parser tells what is wrong.
        Err(_) => return told(text),
    };
    let objects = documents.iter().filter(|document| document.is_object());
    let map = objects
        .clone()
        .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == CONFIG_MAP);
    if let Some(map) = map {
        let list = map["data"][KEY].as_str();
        return told(list.ok_or_else(|| vec![format!("the ConfigMap has no text under data.{KEY}")])?);
    }
    if let Some(list) = objects.clone().find_map(|object| object.get(CHART_VALUE)) {
        return told(&list.to_string());
    }
    if objects.count() > 0 {
        let forms = format!(
            "a ConfigMap of name {CONFIG_MAP}, values of the chart with {CHART_VALUE}, or the list alone"
        );
        return Err(vec![format!("it has none of the forms that are read: {forms}")]);
    }
    told(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> String {
        let digest = "a".repeat(64);
        format!(
            "- {{flavor: Postgres, version: \"17.91\", image: \"r/postgres:17.91@sha256:{digest}\", since: \"2026-11-29\"}}\n"
        )
    }

    #[test]
    fn a_manifest_values_and_a_bare_list_are_one_catalog() {
        let indented = list().replace("- {", "    - {");
        let manifest = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: stylobate-engine-images}}\ndata:\n  images.yaml: |\n{indented}"
        );
        let beside = format!("kind: ConfigMap\nmetadata: {{name: another}}\n---\n{manifest}");
        let values = format!("image: {{tag: x}}\nengineImages:\n{}", list().replace("- {", "  - {"));
        let wanted = parse(&list()).unwrap();
        for text in [list(), manifest, beside, values] {
            assert_eq!(of(&text).as_ref(), Ok(&wanted), "{text}");
        }
    }

    #[test]
    fn what_the_operator_would_refuse_is_refused_in_its_words() {
        let twice = of(&(list() + &list())).unwrap_err();
        assert!(
            twice[0].starts_with("images.yaml[1].version is '17.91': entry 0 is an image for Postgres 17.91"),
            "{twice:?}"
        );
        assert!(
            of("kind: Deployment").unwrap_err()[0].contains("a ConfigMap of name stylobate-engine-images")
        );
        let empty = of("kind: ConfigMap\nmetadata: {name: stylobate-engine-images}\n").unwrap_err();
        assert_eq!(empty, ["the ConfigMap has no text under data.images.yaml"]);
        assert!(of("- {flavor: Postgres").unwrap_err()[0].contains("it is no YAML"));
    }
}
