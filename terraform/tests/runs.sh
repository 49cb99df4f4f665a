# shellcheck shell=bash
# What `terraform test` proves: each `run` of a tests/*.tftest.hcl is a promise, and its name says which.

# Folders with a configuration, in the copy: modules, stacks, examples.
roots() { (cd "$WORK/copy/terraform" && find modules stacks examples -name versions.tf -printf '%h\n' | sort); }

# init_and_test ROOT: validates and tests one folder, its answers in files that bear its name. Runs beside others.
init_and_test() {
  local root=$1 out=$WORK/out/${1//\//-}
  cd "$WORK/copy/terraform/$root" || return
  if ! terraform init -backend=false -input=false -no-color >"$out.init" 2>&1; then
    cp "$out.init" "$out.validate"
    echo failed >"$out.status"
    return
  fi
  terraform validate -no-color >"$out.validate" 2>&1 && echo ok >"$out.status" || echo failed >"$out.status"
  # The stack of customers has tests that want a customer's values (customers.sh).
  local only=()
  [[ $root != stacks/customer ]] || only=(-filter=tests/refusals.tftest.hcl)
  terraform test -json "${only[@]}" >"$out.json" 2>"$out.err" || true
}

# All folders, two at a time: each takes one processor.
test_all() {
  mkdir -p "$WORK/out"
  export WORK
  export -f init_and_test
  roots | nice -n 10 xargs -P 2 -I{} bash -c 'init_and_test {}'
}

valid() { cat "$WORK/out/${1//\//-}.validate"; [[ $(cat "$WORK/out/${1//\//-}.status") == ok ]]; }

# One line of the answer: what Terraform said of this run, when it did not pass.
run_passed() {
  local file=$1 run=$2 status
  status=$(jq -r --arg run "$run" 'select(.type == "test_run" and .test_run.progress == "complete" and .test_run.run == $run) | .test_run.status' "$file")
  [[ $status == pass ]] && return
  jq -r --arg run "$run" 'select(.type == "diagnostic" and .["@testrun"] == $run) | .diagnostic | "\(.summary): \(.detail)"' "$file"
  echo "the run ended with: ${status:-no answer}"
  return 1
}

# prove_runs NAME FILE: a line for each run that the answers in FILE tell of; and one line if there is none.
prove_runs() {
  local name=$1 file=$2 run found=0
  while read -r run; do
    found=$((found + 1))
    keeps "$name: ${run//_/ }" run_passed "$file" "$run"
  done < <(jq -r 'select(.type == "test_abstract").test_abstract[][]' "$file" 2>/dev/null)
  ((found > 0)) || keeps "$name: has tests, and Terraform can read them" cat "${file%.json}.err" /nonexistent
}

# Every module has tests; each refuses something.
has_tests() {
  local module
  for module in terraform/modules/*/; do
    compgen -G "$module/tests/*.tftest.hcl" >/dev/null || { echo "$module has no tests"; return 1; }
    grep -qs expect_failures "$module"/tests/*.tftest.hcl || { echo "$module refuses nothing"; return 1; }
  done
}

# Every variable with a validation stands in some expect_failures of its module's or stack's tests.
each_rule_is_tested() {
  local dir variable missing=0
  for dir in terraform/modules/* terraform/stacks/*; do
    while read -r variable; do
      grep -qE "expect_failures = \[(.*, )?var\.${variable}[],]" "$dir"/tests/*.tftest.hcl && continue
      echo "$dir: no test gives var.$variable a value that is refused"
      missing=1
    done < <(awk '/^variable "/ { name = $2; gsub(/"/, "", name); told = 0 } /^  validation/ && !told { print name; told = 1 }' "$dir/variables.tf")
  done
  return $missing
}

prove_runs_all() {
  local root
  keeps "every module has tests, and refuses bad input" has_tests
  keeps "every variable with a rule has a test with a value that is refused" each_rule_is_tested
  test_all
  for root in $(roots); do
    keeps "terraform validate has nothing against $root" valid "$root"
    prove_runs "${root#*/}" "$WORK/out/${root//\//-}.json"
  done
}
