#!/usr/bin/env bash
# Looks whether a file names a version of a Debian package: each would break a build on the day when Debian has the next one.
# Majors are chosen by people (17, 15; Pgpool-II 4; the suites trixie, bookworm and forky, and with them names like libicu76, which a suite never
# changes). What is not Debian's (crates, Go modules, Patroni's wheel) is pinned by digests of its own and does not go away.
# written.sh [FOLDER] prints each place where one is written, and fails.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

# Versions that tests make up: from .80 on, where no minor of PostgreSQL has ever come near, and what YAML reads of 17.90 without quotes.
FICTION='(?![89]|[1-9]\d\d)'
# Files that may hold them: what was true once, other registries' lists, and measured numbers.
EXEMPT='(^|/)(CHANGELOG\.md|Cargo\.lock|go\.(mod|sum)|docs/benchmarks\.md)$'

# The majors that versions.sh looks for, as a pattern.
majors=$(sed -n 's/^  "postgres \([0-9]*\) .*/\1/p' images/versions.sh | paste -sd'|')
[ -n "$majors" ] || { echo "failed to read majors: images/versions.sh names none in WANTED" >&2; exit 1; }

# A minor: 17 and a dot and a number, not within a longer number and not a measured time or size (15.3 s).
MINOR="(?<![\\d.])($majors)\\.${FICTION}[1-9]\\d?(?![\\d]|\\.\\d| ?((s|ms|min|h|[kMGT]i?B)\\b|%))"
# A pooler: pgpool and a number of three parts, or its tag.
POOLER="(?i)pgpool.*(?<![\\d.])4\\.$FICTION\\d+\\.\\d|(pgpool|poolerTag|pooler_tag|POOLER_TAG)\\b[\"']?[:=] ?[\"']?4\\.$FICTION\\d"
# A package of Debian's with its revision; a package that is asked for in one version (NAME=VERSION-REVISION or NAME=VERSION.*), which no option of a command is.
PACKAGE="(?<![\\d.])\\d+(\\.\\d+)*\\.$FICTION\\d+-\\d+\\+deb\\d|(?<![\\w-])[a-z][a-z0-9.+-]*=\\d+(\\.\\d+)*(-\\d|\\.?\\*)"

files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then git ls-files -z; else
    find . \( -name target -o -name .git -o -name .terraform -o -path ./local/.state \) -prune -o -type f -printf '%P\0'
  fi | grep -zvE "$EXEMPT"
}

found=$(files | xargs -0 grep -nHIP "$MINOR|$POOLER|$PACKAGE" -- /dev/null || true)
[ -z "$found" ] || { echo "$found" | cut -c1-200; echo "failed: versions of Debian packages are written above; write the major, or ask images/engine-images.sh" >&2; exit 1; }
