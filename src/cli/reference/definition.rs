//! The page of a definition: every field with type, default, rules and the release that it came with, from the schema that the API
//! server is given.

use std::fmt::Write as _;

use serde_json::Value;

use super::cell;

/// The release that had the first fields.
const FIRST: &str = "0.1.0";
/// Fields that came later, with all below them: kind, path, release. A release that adds fields adds its lines here.
const LATER: &[(&str, &str, &str)] = &[];

/// A field as it stands in the table.
struct Row {
    path: String,
    kind: String,
    default: String,
    text: String,
}

/// The page of the definition that this YAML is.
///
/// # Panics
/// Never: the YAML was made from a definition.
pub fn page(yaml: &str) -> String {
    let crd: Value = serde_saphyr::from_str(yaml).expect("a definition");
    let spec = &crd["spec"];
    let version = &spec["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let (kind, names) = (text(&spec["names"]["kind"]), &spec["names"]);
    let mut page = format!("# {kind}\n\n{}.\n\n", text(&schema["description"]).trim_end_matches('.'));
    let _ = writeln!(
        page,
        "`apiVersion: {}/{}`, `kind: {kind}`; for kubectl: {}. Columns of `kubectl get`: {}.\n\n\
         A field without a default may be left out unless it is marked *required*. A rule is CEL, which the API server checks when an object \
         is written; `self` is the field, `oldSelf` what it was.",
        text(&spec["group"]),
        text(&version["name"]),
        list(std::iter::once(&names["plural"]).chain(items(&names["shortNames"]))),
        items(&version["additionalPrinterColumns"])
            .map(|column| text(&column["name"]))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let own = rules(schema);
    if !own.is_empty() {
        let _ = writeln!(page, "\nRules of the whole object: {own}.");
    }
    for part in ["spec", "status"] {
        let mut rows = Vec::new();
        walk(part, &schema["properties"][part], required(schema, part), &mut rows);
        let _ = writeln!(
            page,
            "\n## {part}\n| field | type | default | what it is, and what is allowed | since |\n|---|---|---|---|---|"
        );
        for row in rows {
            let since = since(&kind, &row.path);
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {since} |",
                row.path, row.kind, row.default, row.text
            );
        }
    }
    page
}

/// The release that a field came with.
fn since(kind: &str, path: &str) -> &'static str {
    let below = |above: &str| {
        path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    LATER
        .iter()
        .rev()
        .find(|(of, above, _)| *of == kind && below(above))
        .map_or(FIRST, |(_, _, release)| release)
}

/// A row for the field, then those of the fields below it.
fn walk(path: &str, schema: &Value, required_here: bool, rows: &mut Vec<Row>) {
    let mut kind = type_of(schema);
    if required_here {
        kind.push_str(", *required*");
    }
    let default =
        schema.get("default").map(|value| format!("`{}`", cell(&value.to_string()))).unwrap_or_default();
    rows.push(Row { path: path.to_owned(), kind, default, text: told(schema) });
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), below, required(schema, name), rows);
    }
    let inner = &schema["items"];
    for (name, below) in inner["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}[].{name}"), below, required(inner, name), rows);
    }
    let value = &schema["additionalProperties"];
    for (name, below) in value["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.*.{name}"), below, required(value, name), rows);
    }
}

fn required(schema: &Value, name: &str) -> bool {
    items(&schema["required"]).any(|required| required == name)
}

fn type_of(schema: &Value) -> String {
    if schema["x-kubernetes-int-or-string"] == true {
        return "quantity".into();
    }
    match text(&schema["type"]).as_str() {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&schema["additionalProperties"]))
        }
        "string" if schema["format"] == "date-time" => "time".into(),
        other => other.to_owned(),
    }
}

/// Description and all that limits the value, in one cell.
fn told(schema: &Value) -> String {
    let described = cell(&text(&schema["description"]));
    let limits = [limits(schema), each(schema), rules(schema)].into_iter().filter(|part| !part.is_empty());
    let limits: Vec<String> = limits.collect();
    match (described.is_empty(), limits.is_empty()) {
        (_, true) => described,
        (true, false) => limits.join("; "),
        (false, false) => format!("{described} {}", limits.join("; ")),
    }
}

/// What the items of a list are limited to, where they have no fields of their own.
fn each(schema: &Value) -> String {
    let inner = [limits(&schema["items"]), rules(&schema["items"])];
    let inner: Vec<String> = inner.into_iter().filter(|part| !part.is_empty()).collect();
    if inner.is_empty() { String::new() } else { format!("Each: {}", inner.join("; ")) }
}

/// Limits that are no rules, as `One of: A, B` and `at least 1`.
fn limits(schema: &Value) -> String {
    let mut all = Vec::new();
    let allowed: Vec<&Value> = items(&schema["enum"]).filter(|value| !value.is_null()).collect();
    if !allowed.is_empty() {
        all.push(format!("One of: {}", list(allowed.into_iter())));
    }
    for (key, before, after) in [
        ("minimum", "At least ", ""),
        ("maximum", "At most ", ""),
        ("minLength", "At least ", " characters"),
        ("maxLength", "At most ", " characters"),
        ("minItems", "At least ", " items"),
        ("maxItems", "At most ", " items"),
        ("maxProperties", "At most ", " entries"),
    ] {
        if let Some(value) = schema.get(key).filter(|value| value.is_number()) {
            let number = value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
            all.push(format!("{before}{number}{after}"));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        all.push(format!("Matches `{}`", cell(pattern)));
    }
    if let Some(keys) = schema.get("x-kubernetes-list-map-keys") {
        all.push(format!("Unique by {}", list(items(keys))));
    }
    if schema["x-kubernetes-list-type"] == "set" {
        all.push("Each once".into());
    }
    all.join("; ")
}

/// CEL rules with their messages.
fn rules(schema: &Value) -> String {
    let rules = items(&schema["x-kubernetes-validations"]).map(|rule| {
        let computed = || spoken(&text(&rule["messageExpression"]));
        let said = rule["message"].as_str().map_or_else(computed, str::to_owned);
        format!("Rule `{}`: {}", cell(&text(&rule["rule"])), cell(&said))
    });
    rules.collect::<Vec<_>>().join("; ")
}

/// What an expression that makes a message says, as `spec.instances is '...': at least 1`: its texts, with dots for what is computed.
fn spoken(expression: &str) -> String {
    let parts = expression.split('"').enumerate();
    parts
        .map(|(at, part)| match part.trim() {
            _ if at % 2 == 1 => part,
            "" => "",
            _ => "...",
        })
        .collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn list<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(|value| format!("`{}`", cell(&text(value)))).collect::<Vec<_>>().join(", ")
}

/// A string as it is, anything else as JSON; nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"
spec:
  group: example.dev
  names: {kind: Thing, plural: things, shortNames: [th]}
  versions:
  - name: v1
    additionalPrinterColumns: [{name: Size}]
    schema:
      openAPIV3Schema:
        description: A thing.
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            x-kubernetes-validations: [{rule: "self.a || self.b", message: "one of both"}]
            properties:
              size: {x-kubernetes-int-or-string: true, description: How large.}
              color: {type: string, enum: [Red, Green], default: Red}
              weight:
                type: integer
                minimum: 1.0
                x-kubernetes-validations: [{rule: self < 9, messageExpression: '"spec.weight is ''" + string(self) + "'': less than 9"'}]
              parts:
                type: array
                maxItems: 4
                items: {type: object, required: [name], properties: {name: {type: string, minLength: 1, pattern: "^a|b$"}}}
              words: {type: array, items: {type: string, maxLength: 9}}
          status:
            type: object
            properties: {labels: {type: object, additionalProperties: {type: string}}, at: {type: string, format: date-time}}
"#;

    #[test]
    fn each_field_has_a_row_with_type_default_and_all_that_limits_it() {
        let page = page(YAML);
        for line in [
            "# Thing",
            "`apiVersion: example.dev/v1`, `kind: Thing`; for kubectl: `things`, `th`. Columns of `kubectl get`: Size.",
            "| `spec` | object, *required* |  | Rule `self.a \\|\\| self.b`: one of both | 0.1.0 |",
            "| `spec.size` | quantity, *required* |  | How large. | 0.1.0 |",
            "| `spec.color` | string | `\"Red\"` | One of: `Red`, `Green` | 0.1.0 |",
            "| `spec.parts` | list of object |  | At most 4 items | 0.1.0 |",
            "| `spec.parts[].name` | string, *required* |  | At least 1 characters; Matches `^a\\|b$` | 0.1.0 |",
            "| `spec.words` | list of string |  | Each: At most 9 characters | 0.1.0 |",
            "| `spec.weight` | integer |  | At least 1; Rule `self < 9`: spec.weight is '...': less than 9 | 0.1.0 |",
            "| `status.labels` | map to string |  |  | 0.1.0 |",
            "| `status.at` | time |  |  | 0.1.0 |",
        ] {
            assert!(page.lines().any(|told| told.starts_with(line)), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn what_came_later_is_there_and_later() {
        let pages: String = crate::cli::crds().iter().map(|(_, yaml)| super::page(yaml)).collect();
        for (kind, path, release) in LATER {
            assert!(
                pages.contains(&format!("# {kind}\n")) && pages.contains(&format!("| `{path}` |")),
                "{kind} {path}"
            );
            assert!(*release != FIRST, "{kind} {path}");
        }
        assert_eq!(since("PostgresCluster", "spec.engine"), FIRST);
    }
}
