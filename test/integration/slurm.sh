#!/usr/bin/env bash
# slurm.pl against a real SLURM: starts a cluster of this machine (slurm_cluster.sh), runs slurm.bats on it, and ends it
# again whatever happens. As root, with Debian's slurm-wlm, munge and bats; about six minutes.
#   test/integration/slurm.sh [-f PATTERN ...]     arguments are those of bats
# RECIPE=FOLDER/whole/egs2/mini_espeak/tse1, which killed_recipe.py FOLDER has left, is decoded and scored there, too.
set -euo pipefail
unset CDPATH  # in its folders cd would look first, and it would print where it goes
here=$(cd "$(dirname "$0")" && pwd -P)
bats=${here}/../../.venv/bin/bats
[ -x "${bats}" ] || bats=$(command -v bats) || { echo "$0: no bats here; apt-get install bats, or make env" >&2; exit 3; }
folder=$(mktemp -d)
chmod 755 "${folder}"  # a user who is not root submits, too
tests=
finish() {
    # In a session of their own, so that all of them end, and at once, with this script.
    if [ -n "${tests}" ]; then kill -TERM -- "-${tests}" 2> /dev/null || true; fi
    "${here}/slurm_cluster.sh" stop "${folder}/cluster"
    rm -rf "${folder}"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"${here}/slurm_cluster.sh" start "${folder}/cluster"
SLURM_CONF=${folder}/cluster/slurm.conf CLUSTER=${folder}/cluster setsid "${bats}" "$@" "${here}/slurm.bats" &
tests=$!
wait "${tests}"
