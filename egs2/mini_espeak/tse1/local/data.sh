#!/usr/bin/env bash
# Stage 1 of mini_espeak: synthesise the corpus into data/{train,dev,test}. Nothing is downloaded.
set -euo pipefail

log() {
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${BASH_SOURCE[0]##*/}:${BASH_LINENO[0]}) $*"
}

usage() {
    cat << EOF
Usage: local/data.sh [--data_dir data] [--train_speakers 64] [--dev_speakers 8] [--test_speakers 12]
                     [--train_sentences 24] [--dev_mixtures 48] [--test_mixtures 48] [--sir_db -5 5] [--seed 0] [--nj N]
Every option goes to local/prepare_mini_espeak.py; see its --help.
EOF
}

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    usage
    exit 0
fi

SECONDS=0
unset CDPATH  # in its folders cd would look first, and it would print where it goes
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -e ./path.sh ]; then
    # shellcheck source=/dev/null
    . ./path.sh
fi

"${python:-python3}" local/prepare_mini_espeak.py "$@"
log "Successfully finished. [elapsed=${SECONDS}s]"
