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

if [ -z "${VIRTUAL_ENV:-}" ] && [ -e "${MAIN_ROOT}/.venv/bin/activate" ]; then
    # shellcheck disable=SC1091
    . "${MAIN_ROOT}/.venv/bin/activate"
fi
if [ -e local/path.sh ]; then
    # shellcheck disable=SC1091
    . local/path.sh
fi
