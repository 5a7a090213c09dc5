#!/usr/bin/env bash
# torchrun_node.sh PYTHON NODES PROCESSES ARGUMENT...: torchrun on one node of a SLURM job; srun starts one of
# these per node. The first node of the allocation is the rendezvous, found from SLURM's own variables.

set -euo pipefail
[ $# -ge 4 ] || { echo "Usage: $0 PYTHON NODES PROCESSES ARGUMENT..." >&2; exit 2; }
[ -n "${SLURM_JOB_ID:-}" ] || { echo "$0: SLURM_JOB_ID is not set; this runs inside a SLURM job" >&2; exit 3; }
python=$1 nodes=$2 processes=$3
shift 3
# Read to its end: a pipe to head would end scontrol with an error now and then, and this script with it.
hosts=$(scontrol show hostnames "${SLURM_JOB_NODELIST}")
host=${hosts%%$'\n'*}
# Jobs that share a node must not share a port.
port=$((20000 + SLURM_JOB_ID % 20000))
exec "${python}" -m espnet_tse.train.torchrun --nnodes "${nodes}" --nproc_per_node "${processes}" \
    --rdzv_backend c10d --rdzv_id "${SLURM_JOB_ID}" --rdzv_endpoint "${host}:${port}" "$@"
