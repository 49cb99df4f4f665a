# shellcheck shell=bash
# What Terraform says of other parts of the repository, held against those parts.

NEEDS=terraform/gce-provider-needs.json

# Each call names a host that is opened, and permissions with what they are checked on.
needs_are_whole() {
  jq -e '
    (.hosts | map(.host)) as $hosts
    | (.calls | length) >= 8
      and all(.calls[]; (.host as $host | $hosts | index($host)) != null and (.permissions | length) > 0 and (.request | test("^(GET|POST|DELETE) /compute/v1/projects/")))
      and all(.calls[].permissions[]; (.name | test("^compute[.][a-zA-Z]+[.][a-zA-Z]+$")) and ([.on] | inside(["project", "disk", "new snapshot", "snapshot"])))
      and ([.calls[].permissions[].name] - .never | length) == ([.calls[].permissions[].name] | length)' "$NEEDS" >/dev/null ||
    { echo "$NEEDS: a call has no host among hosts, no permission, or one that stands under never"; return 1; }
}

# Once the provider is there, every request that it makes is on the list: the last words of its paths.
provider_asks_no_more() {
  local word known missing=0
  [[ -e src/snapshot/gce.rs || -d src/snapshot/gce ]] || return 0
  known=$(jq -r '.calls[].request' "$NEEDS")
  while read -r word; do
    grep -qF -- "$word" <<<"$known" || { echo "src/snapshot/gce asks for $word, which $NEEDS does not list"; missing=1; }
  done < <(grep -rhoE '/(createSnapshot|snapshots|instantSnapshots|snapshotSettings|resourcePolicies|addResourcePolicies|setLabels|operations)\b' src/snapshot/gce* | sort -u)
  return $missing
}

# Figures in alerts and on the dashboard are ones that the operator has.
figures_exist() {
  local figure source missing=0
  source=$(cat src/metrics/*.rs)
  while read -r figure; do
    figure=${figure#stylobate_}
    figure=${figure%_bucket}
    # Names in the source stand without prefix, unit and `_total`.
    [[ $source == *"$figure"* || $source == *"${figure%_total}"* || $source == *"${figure%_seconds}"* || $source == *"${figure%_bytes}"* ]] && continue
    echo "no figure of src/metrics/ is called stylobate_$figure"
    missing=1
  done < <(grep -rhoE 'stylobate_[a-z_]+' terraform/modules/monitoring/*.tf terraform/modules/monitoring/*.tftpl terraform/customers/*/extras/alerts.yaml | sort -u)
  return $missing
}

# Conditions that alerts ask for are ones that the operator sets.
conditions_exist() {
  local kind found=0 missing=0
  while read -r kind; do
    found=$((found + 1))
    grep -qE "pub const [A-Z_]+: &str = \"$kind\";" src/status/conditions.rs || { echo "src/status/conditions.rs has no condition $kind"; missing=1; }
  done < <(grep -hoE 'type=~?\\"[A-Za-z|]+' terraform/modules/monitoring/main.tf | sed 's/.*"//' | tr '|' '\n' | sort -u)
  ((found >= 6)) || { echo "found only $found conditions in alerts"; return 1; }
  return $missing
}

# Every condition has an alert; not those that say of a person's own order how far it is.
WITHOUT_ALERT=(Converged UpgradeChecked Restored)
conditions_alarm() {
  local kind found=0 missing=0
  while read -r kind; do
    found=$((found + 1))
    [[ " ${WITHOUT_ALERT[*]} " == *" $kind "* ]] || grep -qE "type=~?.*\b$kind\b" terraform/modules/monitoring/main.tf ||
      { echo "no alert of terraform/modules/monitoring/main.tf asks for condition $kind"; missing=1; }
  done < <(sed -n '/^pub mod kind/,/^}/s/.*&str = "\(.*\)";/\1/p' src/status/conditions.rs)
  ((found >= 15)) || { echo "found only $found conditions in src/status/conditions.rs"; return 1; }
  return $missing
}

# Members run as the ServiceAccount that IAM lets into their folder of the archive, and show no key there. IAM would say
# nothing of a name that nobody has.
members_are_let_in() {
  local named
  named=$(grep -A1 -E 'fn (child|member)\(&self' src/name.rs)
  [[ $named == *'"{}-{suffix}"'* && $named == *'self.child("member")'* ]] ||
    { echo "src/name.rs names the ServiceAccount of members in another way than terraform/modules/wal-archive/access.tf"; return 1; }
  grep -qF '}-member" }' terraform/modules/wal-archive/access.tf || { echo "access.tf lets in another ServiceAccount than <name>-member"; return 1; }
  grep -qF 'set("repo1-gcs-key-type", "auto")' src/archive/conf.rs || { echo "src/archive/conf.rs no longer asks the platform for a token"; return 1; }
}

# The page that an alert names has that section.
runbooks_exist() {
  local title missing=0
  while read -r title; do
    grep -qE "^#+ $title" docs/operations.md || { echo "docs/operations.md has no section '$title'"; missing=1; }
  done < <({ grep -hoE 'runbook *= "[^"]+"' terraform/modules/monitoring/main.tf | cut -d'"' -f2; grep -hoE '^ +runbook: .*' terraform/customers/*/extras/alerts.yaml | sed 's/.*: //'; } | sort -u)
  return $missing
}

# A customer is a folder with these files and none with code.
customers_are_data() {
  local dir missing=0
  for dir in terraform/customers/*/; do
    [[ -f $dir/customer.tfvars && -f $dir/backend.hcl ]] || { echo "$dir has no customer.tfvars or no backend.hcl"; missing=1; }
    [[ -z $(find "$dir" -name '*.tf') ]] || { echo "$dir has code: it belongs into a module"; missing=1; }
    grep -qE "^(customer|folder) += \"$(basename "$dir")\"" "$dir/customer.tfvars" || { echo "$dir: neither customer nor folder says $(basename "$dir")"; missing=1; }
  done
  return $missing
}

# The table of controls names tests that are there.
# shellcheck disable=SC2016 # the backquotes are those of Markdown
controls_have_tests() {
  local run missing=0 rows=0
  while read -r run; do
    rows=$((rows + 1))
    grep -rqE "^run \"$run\"" terraform/*/*/tests || { echo "terraform/README.md names test $run, which nobody wrote"; missing=1; }
  done < <(awk -F'|' '/^[|] / { print $4 }' terraform/README.md | grep -oE '`[a-z0-9]+(_[a-z0-9]+){3,}`' | tr -d '`' | sort -u)
  ((rows >= 25)) || { echo "found only $rows tests in the table of terraform/README.md"; return 1; }
  return $missing
}

prove_facts() {
  keeps "every call of the snapshot provider has its permissions, its host, and nothing that must never be granted" needs_are_whole
  keeps "the snapshot provider makes no call that is not on the list" provider_asks_no_more
  keeps "alerts and dashboard ask for figures that the operator has" figures_exist
  keeps "alerts ask for conditions that the operator sets" conditions_exist
  keeps "every condition that nobody ordered has an alert" conditions_alarm
  keeps "members run as those whom IAM lets into their folder of the archive" members_are_let_in
  keeps "the sections of the runbook that alerts name are there" runbooks_exist
  keeps "every customer is a folder of data, without code" customers_are_data
  keeps "every control in terraform/README.md names a test that is there" controls_have_tests
}
