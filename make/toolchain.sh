#!/usr/bin/env bash
# Prints the name under which rustup has the release of rust-toolchain.toml when it has it under another name alone, as `stable`, and
# can't fetch it by its own: a machine without a way to Rust's servers. Prints nothing when cargo runs as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

! cargo --version >/dev/null 2>&1 || exit 0
command -v rustup >/dev/null || exit 0
wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
for name in $(rustup toolchain list --quiet); do
  if [[ $(RUSTUP_TOOLCHAIN=$name rustc --version 2>/dev/null) == "rustc $wanted "* ]]; then
    echo "$name"
    exit 0
  fi
done
