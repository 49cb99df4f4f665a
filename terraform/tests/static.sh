# shellcheck shell=bash
# What can be said of the text.

formatted() { terraform fmt -check -diff -recursive terraform; }

lint_terraform() { tflint --chdir=terraform --recursive --format=compact --config="$PWD/terraform/.tflint.hcl" "$@"; }

# A linter that takes everything would prove nothing.
lint_finds() {
  mkdir "$WORK/unused"
  cp terraform/modules/dns/versions.tf "$WORK/unused/"
  printf 'variable "unused" {\n  type = string\n}\n' >"$WORK/unused/variables.tf"
  ! tflint --chdir="$WORK/unused" --config="$PWD/terraform/.tflint.hcl" >/dev/null || { echo "tflint took a variable that nothing uses"; return 1; }
}

scripts_are_sound() { shellcheck -x terraform/*.sh terraform/tests/*.sh local/parts.sh images/publish.sh .github/*.sh; }

# Rules that are left out stand, with their reasons, in images/.hadolint.yaml.
dockerfiles_are_sound() {
  local files
  mapfile -t files < <(find images -name Dockerfile)
  ((${#files[@]} >= 4)) || { echo "found only ${#files[@]} Dockerfiles"; return 1; }
  "$PYTHON_BIN/hadolint" --config images/.hadolint.yaml "${files[@]}"
}

readmes_are_current() { python3 terraform/tests/readme.py --check; }

# Addresses of other machines and people's own paths have no place in a configuration.
nothing_private() {
  local found
  found=$(grep -rnE '(AIza|BEGIN [A-Z ]*PRIVATE KEY|/home/|/root/|/tmp/)' terraform --include='*.tf' --include='*.tfvars' --include='*.hcl' --include='*.yaml') || return 0
  printf '%s\n' "$found"
  return 1
}

no_file_is_too_long() {
  local long
  long=$(find terraform \( -name '*.tf' -o -name '*.sh' -o -name '*.py' -o -name '*.hcl' \) -exec wc -l {} + | awk '$2 != "total" && $1 > 500')
  [[ -z $long ]] || { echo "$long"; return 1; }
}

# Review rules that a reader can't see at a glance: why each is one stands in docs/decisions/0013-terraform.md.
modules_read_nothing() {
  ! grep -rnE '^data "|^resource "kubernetes_' terraform/modules --include='*.tf'
}

# Who looks for an input, an output or a version knows where.
folders_are_whole() {
  local dir file missing=0
  for dir in terraform/modules/*/ terraform/stacks/*/; do
    for file in main.tf variables.tf outputs.tf versions.tf README.md; do [[ -s $dir$file ]] || { echo "$dir has no $file"; missing=1; }; done
  done
  return $missing
}

# A refusal says which input it was and what it was; where the value is none at all, in words.
refusals_name_the_input() {
  local vague
  vague=$(awk '/^variable "/ { name = $2; gsub(/"/, "", name) }
    /^ +error_message = / && (!index($0, name) || !($0 ~ /[$][{]|empty|\047| is true| has mode /)) { print FILENAME ": " name ": " $0 }' terraform/{modules,stacks,examples}/*/variables.tf)
  [[ -z $vague ]] || { echo "$vague"; return 1; }
}

prove_static() {
  keeps "terraform fmt has nothing to change" formatted
  keeps "tflint has nothing against modules, stacks and examples" lint_terraform
  keeps "tflint finds a variable that nothing uses" lint_finds
  keeps "the scripts pass shellcheck" scripts_are_sound
  keeps "hadolint has nothing against the Dockerfiles" dockerfiles_are_sound
  keeps "the README of each module tells of every input and output" readmes_are_current
  keeps "every module and stack has main, variables, outputs, versions and a README" folders_are_whole
  keeps "every refusal names the input and its value" refusals_name_the_input
  keeps "no module reads data, another's state, or makes manifests at plan time" modules_read_nothing
  keeps "no key and no private path is in a configuration" nothing_private
  keeps "no file is longer than 500 lines" no_file_is_too_long
}
