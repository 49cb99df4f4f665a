#!/usr/bin/env bash
# Writes JSON schemas of everything that the running API server serves, custom resources included, into a folder, in the
# layout that kubeconform reads with: -schema-location 'FOLDER/{{.ResourceKind}}{{.KindSuffix}}.json'
# What a chart renders is so checked against the very server that will take it, and nothing is fetched from elsewhere.
# Where no server runs, a second argument names the folder with the documents of Kubernetes' own source (api/openapi-spec/v3).
set -euo pipefail

[ $# = 1 ] || [ $# = 2 ] || { echo "usage: schemas.sh FOLDER [DOCUMENTS]" >&2; exit 2; }
mkdir -p "$1"
documents=${2:+$(cd "$2" && pwd)}
cd "$1"

# From one group's document: every kind's name and definitions. A field that the server does not know is an error
# (additionalProperties), but for what is open by design: maps, and objects that say so.
# shellcheck disable=SC2016 # dollars are jq's
CONVERT='
  def closed:
    if .type == "object" and (.properties | type) == "object" and (has("additionalProperties") | not)
      and .["x-kubernetes-preserve-unknown-fields"] != true and .["x-kubernetes-embedded-resource"] != true
    then .additionalProperties = false else . end;
  def local: if (.["$ref"] | type) == "string" then .["$ref"] |= sub("^#/components/schemas/"; "#/definitions/") else . end;
  (.components.schemas // {} | walk(if type == "object" then closed | local else . end)) as $all
  | [$all | to_entries[] | .key as $name | .value["x-kubernetes-group-version-kind"] // [] | .[] | {$name, gvk: .}]
  | {definitions: $all, kinds: .}
'

# Names the schema files of one document $1 and lets each lead to its definition in the shared file $2.
split() {
  local name file
  jq '{definitions}' "$1" >"$2"
  jq -r '.kinds[] | [.name, ([.gvk.kind, (.gvk.group | split(".")[0]), .gvk.version]
    | map(select(. != "" and . != null)) | join("-") | ascii_downcase)] | @tsv' "$1" |
    while IFS=$'\t' read -r name file; do
      # shellcheck disable=SC2016 # the dollar is JSON schema's
      printf '{"$ref": "%s#/definitions/%s"}\n' "$2" "$name" >"$file.json"
    done
}

if [ -n "$documents" ]; then
  # As the server names them: apis__apps__v1_openapi.json is apis/apps/v1.
  for file in "$documents"/api*__v[0-9]*_openapi.json; do
    group=${file##*/}
    group=${group%_openapi.json}
    jq "$CONVERT" "$file" >document
    split document "_${group//__/_}.json"
  done
else
  kubectl get --raw /openapi/v3 |
    jq -r '.paths | to_entries[] | select(.key | test("^apis?/.*v[0-9]")) | [.key, .value.serverRelativeURL] | @tsv' |
    while IFS=$'\t' read -r group url; do
      kubectl get --raw "$url" | jq "$CONVERT" >document
      split document "_${group//\//_}.json"
    done
fi
rm -f document
find . -name '[!_]*.json' | wc -l | sed 's/$/ kinds/'
