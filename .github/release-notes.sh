#!/usr/bin/env bash
# Writes the notes of a release from the template and the changelog: release-notes.sh VERSION REGISTRY
# What stands under [Unreleased] or under the version's own heading becomes "What is new".
set -euo pipefail
cd "$(dirname "$0")/.."

[[ $# == 2 ]] || { echo "usage: release-notes.sh VERSION REGISTRY" >&2; exit 2; }
version=$1 registry=$2
changes=$(awk -v version="$version" '
  /^## / { on = index($0, "[" version "]") || (index($0, "[Unreleased]") && !seen); if (on) seen = 1; next }
  on' CHANGELOG.md)
[[ -n ${changes//[[:space:]]/} ]] ||
  { echo "failed to read CHANGELOG.md: nothing stands under [$version] or [Unreleased]; say what is new" >&2; exit 1; }
while IFS= read -r line; do
  if [[ $line == CHANGES ]]; then printf '%s\n' "$changes"; else
    line=${line//VERSION/$version}
    printf '%s\n' "${line//REGISTRY/$registry}"
  fi
done <.github/release-notes.md
