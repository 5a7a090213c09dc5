#!/usr/bin/env bash
# slurm.pl against a real SLURM: starts a cluster of this machine (slurm_cluster.sh), runs slurm.bats on it, and ends it
# again whatever happens. As root, with Debian's slurm-wlm, munge and bats; about six minutes.
#   test/integration/slurm.sh [-f PATTERN ...]     arguments are those of bats
# RECIPE=FOLDER, a recipe with a nano system whose stages 1 to 8 are done (killed_recipe.py makes such ones), has its
# decoding and scoring run there, too, in a copy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
command -v bats > /dev/null || { echo "$0: no bats here; apt-get install bats" >&2; exit 3; }
folder=$(mktemp -d)
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
SLURM_CONF=${folder}/cluster/slurm.conf CLUSTER=${folder}/cluster setsid bats "$@" "${here}/slurm.bats" &
tests=$!
wait "${tests}"
