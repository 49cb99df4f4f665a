# shellcheck shell=bash
# shellcheck disable=SC2034 # PROVIDERS is read by those who source this
# Where providers come from. In this order: the kit with the providers' schemas, which needs no network; the real registry.
# With neither, what needs providers is not tested, and the run says so and fails (STYLOBATE_WITHOUT_PROVIDERS=1: says so only).

# Prints the folder of the kit, or nothing: the variable, or `shared` beside the checkout, or beside that of a git worktree.
kit_find() {
  local dir common
  common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null || true)
  for dir in "${STYLOBATE_TERRAFORM_KIT:-}" ../shared/terraform "${common:+${common%/.git}/../shared/terraform}"; do
    [[ -n $dir && -x $dir/mirror.sh ]] || continue
    (cd "$dir" && pwd)
    return
  done
  [[ -z ${STYLOBATE_TERRAFORM_KIT:-} ]] ||
    { say "failed to find mirror.sh in STYLOBATE_TERRAFORM_KIT: $STYLOBATE_TERRAFORM_KIT is no kit; unset it, or correct it"; return 1; }
}

# The types that this repository uses, out of all of a provider's: each test starts the provider anew, and reading the whole
# schema takes three quarters of its time. A type that is not used here is not missed.
kit_cut() {
  local used
  used=$(grep -rhoE '^(resource|data) "[a-z0-9]+_[a-z0-9_]+"' terraform --include='*.tf' | grep -oE '"[a-z0-9_]+"' | sort -u | jq -s .)
  jq -c --argjson used "$used" 'def cut: with_entries(select(.key as $key | $used | index($key)));
    .resource_schemas |= cut | .data_source_schemas |= cut' "$1"
}

# Lays out the mirror below $WORK and points Terraform at it.
kit_use() {
  local kit=$1 schema rc
  mkdir -p "$CACHE/terraform-kit"
  rc=$("$kit/mirror.sh" "$CACHE/terraform-kit") || return 1
  cp -r "$CACHE/terraform-kit/mirror" "$WORK/mirror"
  sed "s,$CACHE/terraform-kit/mirror,$WORK/mirror," "$rc" >"$WORK/terraform.rc"
  for schema in "$WORK"/mirror/*/*/*/*/*/schema.json; do
    kit_cut "$schema" >"$schema.new" && mv "$schema.new" "$schema"
  done
  export TF_CLI_CONFIG_FILE=$WORK/terraform.rc
  PROVIDERS="schemas of $kit"
}

# True when the real registry answers: the smallest provider that is used here can be had.
registry_use() {
  mkdir -p "$WORK/plugins" "$WORK/probe"
  printf 'disable_checkpoint = true\nplugin_cache_dir = "%s"\n' "$WORK/plugins" >"$WORK/terraform.rc"
  export TF_CLI_CONFIG_FILE=$WORK/terraform.rc
  cp terraform/modules/operator/versions.tf "$WORK/probe/"
  timeout 60 terraform -chdir="$WORK/probe" init -input=false >/dev/null 2>&1 || return 1
  PROVIDERS='the real providers'
}

# Sets PROVIDERS: what they are, or nothing when there are none.
need_providers() {
  local kit
  PROVIDERS=
  kit=$(kit_find) || return 1
  if [[ -n $kit ]]; then kit_use "$kit"; else registry_use || unset TF_CLI_CONFIG_FILE; fi
}
