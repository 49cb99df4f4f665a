# shellcheck shell=bash
# What the commands have in common: strictness, the checkout's place, every function, and how failures end.
set -Eeuo pipefail
shopt -s extglob nullglob

LOCAL=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CHECKOUT=$(dirname "$LOCAL")

for file in say instance process build room check packages network pool cgroup pki image runtime control access \
  manifest node dns storage prove release sweep external; do
  # shellcheck disable=SC1090 # the files of this directory
  source "$LOCAL/lib/$file.sh"
done

instance_use "$(instance_id "$CHECKOUT")"
# The caller's mask would hide files from the daemons that read them.
umask 022
trap 'unforeseen "$LINENO" "$BASH_COMMAND"' ERR
# Some tools are in directories that a plain user's PATH lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
