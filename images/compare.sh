#!/usr/bin/env bash
# Holds what a server says of itself (standard input, as catalog.sh prints it) against the list in src/tuning/catalog/ that stands in for
# it: compare.sh settings|zones FILE. The live server's settings are the truth, so a minor version that brings a setting, takes one away or
# changes a range is told and breaks nothing. What the list must not be is one of another kind of server: too little of the
# server is in it, or a setting has another type or unit, by which a value would be read wrong.
set -euo pipefail

# Of what the server knows, the most that the list may lack, in percent: a minor version brings one or two settings, if any, of some
# 380, and time zones come one or two in a year.
MOST_UNKNOWN=3

exec awk -F'\t' -v kind="$1" -v most=$MOST_UNKNOWN '
  FILENAME != "-" { if ($0 !~ /^#/ && NF) { list[$1] = $0; type[$1] = $2 " " $3 }; next }
  NF {
    all++
    if (!($1 in list)) { unknown++; added = added " " $1 }
    else if (list[$1] != $0) {
      if (type[$1] != $2 " " $3) wrong = wrong " " $1 " (" type[$1] ", the server: " $2 " " $3 ")"
      else changed = changed " " $1
    }
    seen[$1]
  }
  END {
    for (name in list) if (!(name in seen)) gone[++count] = name
    for (i = 1; i <= count; i++) removed = removed " " gone[i]
    said = all - unknown " of " all + 0 " " kind
    if (added != "") said = said "; new in this minor (bundled catalog is a fallback):" added
    if (changed != "") said = said "; changed:" changed
    if (removed != "") said = said "; the server lacks:" removed
    if (wrong != "") said = said "; of another type in the list:" wrong
    print said
    exit wrong != "" || all == 0 || unknown * 100 > all * most
  }' "$2" -
