# shellcheck shell=bash
# Values that must be refused, each with the words that help: the table refused.txt.

# refused CHART VALUES WORDS: by the chart, or by the server where the words start with `server:`.
refused() {
  local chart=$1 words=$3 said
  printf '%s\n' "$2" >"$WORK/bad.yaml"
  if [[ $words == server:* ]]; then
    words=${words#server: }
    render "$chart" "$WORK/bad.yaml" | in_own_group >"$WORK/bad-rendered.yaml"
    if said=$(kubectl apply --dry-run=server -f "$WORK/bad-rendered.yaml" 2>&1); then echo "the API server took it"; return 1; fi
  else
    if said=$(render "$chart" "$WORK/bad.yaml" 2>&1); then echo "the chart took it"; return 1; fi
  fi
  grep -qF -- "$words" <<<"$said" || { printf 'refused, but in other words: %s\n' "$said"; return 1; }
}

prove_refusals() {
  local chart values words
  while IFS='|' read -r chart values words; do
    [[ $chart != '#'* ]] || continue
    chart=${chart// /} values=${values# } values=${values% } words=${words# }
    keeps "$chart refuses $values" refused "$chart" "$values" "$words"
  done <charts/tests/refused.txt
}
