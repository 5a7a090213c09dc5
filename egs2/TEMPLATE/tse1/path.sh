#!/usr/bin/env bash
# Sourced in the folder of a recipe: search paths and the environment of every job. Kaldi is not needed.

MAIN_ROOT=$(cd "${PWD}/../../.." && pwd -P)
export MAIN_ROOT
export PATH="${PWD}/utils:${MAIN_ROOT}/utils:${PATH}"
export PYTHONPATH="${MAIN_ROOT}${PYTHONPATH:+:${PYTHONPATH}}"
# One order of bytes for every sort, comm and join.
export LC_ALL=C
export PYTHONIOENCODING=UTF-8
# More threads than processors make small models many times slower; --num_threads raises it where it helps.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Interfaces that cannot reach another node.
export NCCL_SOCKET_IFNAME="${NCCL_SOCKET_IFNAME:-^lo,docker,virbr,vmnet,vboxnet}"

# What bin/activate of the environment does for a script. That file holds the folder's path as it was made, between
# double quotes with Python before 3.11.11 and 3.12.8, so not every name would survive it.
if [ -z "${VIRTUAL_ENV:-}" ] && [ -x "${MAIN_ROOT}/.venv/bin/python" ]; then
    export VIRTUAL_ENV="${MAIN_ROOT}/.venv"
    export PATH="${VIRTUAL_ENV}/bin:${PATH}"
    unset PYTHONHOME
fi
if [ -e local/path.sh ]; then
    # shellcheck disable=SC1091
    . local/path.sh
fi
