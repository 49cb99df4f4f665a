# shellcheck shell=bash
# What checkov says, and the ledger of what it is not listened to in.

scan() {
  checkov -d terraform --framework terraform --quiet --compact --skip-download -o json >"$WORK/checkov.json" 2>"$WORK/checkov.err" || true
  jq -e '.summary.parsing_errors == 0' "$WORK/checkov.json" >/dev/null || { echo "checkov could not read a file"; tail -n 5 "$WORK/checkov.err"; return 1; }
  jq -e '.summary.passed > 100' "$WORK/checkov.json" >/dev/null || { echo "checkov looked at next to nothing"; return 1; }
}

ledger() { python3 terraform/tests/ledger.py "${1:-terraform/checkov-ledger.json}" "${2:-$WORK/checkov.json}" "${3:-$(date +%F)}"; }

# refused_ledger WORDS JQ [DATE]: the ledger changed by the jq program must be refused with these words.
refused_ledger() {
  local words=$1 said
  jq "$2" terraform/checkov-ledger.json >"$WORK/ledger.json"
  if said=$(ledger "$WORK/ledger.json" "$WORK/checkov.json" "${3:-$(date +%F)}"); then echo "it was taken"; return 1; fi
  grep -qF -- "$words" <<<"$said" || { echo "$said"; return 1; }
}

prove_scan() {
  keeps "checkov reads every file" scan
  keeps "checkov finds nothing that the ledger does not explain, and the ledger nothing that checkov does not find" ledger
  keeps "an entry of the ledger that has expired is refused" refused_ledger 'expired' . 2099-01-01
  keeps "an entry of the ledger that nothing needs any more is refused" refused_ledger 'is not found any more' '.skips += [{id: "CKV_GCP_1", resource: "x", reason: "a reason that is long enough to be one", proof: "none", expires: "2098-01-01"}]'
  keeps "a finding that the ledger does not explain is refused" refused_ledger 'is in no entry of the ledger' 'del(.skips[0])'
  keeps "an entry of the ledger without a reason is refused" refused_ledger 'has no reason' '.skips[0].reason = ""'
}
