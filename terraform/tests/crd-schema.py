"""Writes the JSON schemas of a CustomResourceDefinition for kubeconform: crd-schema.py FOLDER FILE...

A field that the definition does not have is an error, as it is for the API server with strict validation.
"""

import json
import pathlib
import sys

import yaml


def closed(schema):
    """The schema with no room for other fields, but where it says that there is."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and "additionalProperties" not in out:
        if not out.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    if out.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
    return out


def main():
    """One file for each version of each definition, named as kubeconform looks for it."""
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            for crd in filter(None, yaml.safe_load_all(file)):
                spec = crd["spec"]
                for version in spec["versions"]:
                    schema = closed(version["schema"]["openAPIV3Schema"])
                    schema.setdefault("properties", {}).update({"apiVersion": {}, "kind": {}, "metadata": {}})
                    path = f"{spec['names']['kind']}-{spec['group'].split('.')[0]}-{version['name']}.json".lower()
                    (folder / path).write_text(json.dumps(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
