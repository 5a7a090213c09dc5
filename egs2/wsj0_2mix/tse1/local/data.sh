#!/usr/bin/env bash
# Stage 1 of wsj0_2mix, wham and whamr: mixtures as the corpus's own scripts have made them, and WSJ0 -> data/<set>
set -euo pipefail

dry_run=false  # tell what would be written, and write nothing
# shellcheck source-path=SCRIPTDIR source=protocol.sh
. local/protocol.sh
help_message="Usage: local/data.sh [options]
${protocol_help}
Further options
  --dry_run      true: tell what would be written, and write nothing (default: false)
Variables (environment, db.sh or db.local.sh): ${place}, what the scripts of ${title} have written: holds wav${rate};
WSJ0, which holds wsj0/si_tr_s ... as WAV; MIXTURE_LISTS, the corpus's own lists of mixtures, if they are to be compared;
ENROLLMENT_LISTS, for --enrollment spex."

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }
missing() { log "Error: $*" >&2; exit 3; }  # missing WORD...: something that the user has to fetch

refuse_espnet "$@"
. utils/parse_options.sh
[ $# -eq 0 ] || wrong "'$1' is not an option (see --help)"
name_sets
# shellcheck disable=SC1091
. ./path.sh
# shellcheck disable=SC1091
. ./db.sh
python=${python:-python3}

mixtures=${!place}
[ -n "${mixtures}" ] && [ -d "${mixtures}" ] \
    || missing "${place}='${mixtures}' is not a folder; it names what the scripts of ${title} have written, and holds wav${rate}"
[ -n "${WSJ0}" ] && [ -d "${WSJ0}" ] \
    || missing "WSJ0='${WSJ0}' is not a folder; it names the one that holds wsj0/si_tr_s ... as WAV (LDC93S6A): enrollments"
for variable in MIXTURE_LISTS ENROLLMENT_LISTS; do
    if [ -n "${!variable}" ] && [ ! -d "${!variable}" ]; then missing "${variable}='${!variable}' is not a folder"; fi
done
if [ "${enrollment}" = spex ] && [ -z "${ENROLLMENT_LISTS}" ]; then
    missing "ENROLLMENT_LISTS is not set; enrollment 'spex' takes published lists, whose folder it names (README.md says" \
        "where they come from)"
fi
if "${dry_run}"; then
    log "data/${train_set}, data/${valid_set} and data/${test_set} would be lists of what is below ${mixtures}; no audio is written"
    exit 0
fi

prepare() {  # prepare SET DIR OPTION...: lists of a set
    local set=$1 dir=$2
    shift 2
    "${python}" -m espnet_tse.bin.prepare_wsj0_mix --corpus "${corpus}" --mixtures "${mixtures}" --wsj0 "${WSJ0}" \
        --set "${set}" --sample_rate "${rate/%k/000}" --mode "${mode}" --kind "${kind}" --room "${room}" \
        --target "${target}" --enrollment "${enrollment}" --published_counts "${published_counts}" \
        ${targets:+--targets ${targets}} ${MIXTURE_LISTS:+--mixture_lists "${MIXTURE_LISTS}"} \
        ${ENROLLMENT_LISTS:+--enrollment_lists "${ENROLLMENT_LISTS}"} --output_dir "${dir}" "$@" || exit 4
}
SECONDS=0
prepare tt "data/${test_set}"
prepare cv "data/${valid_set}"
prepare tr "data/${train_set}" --training
log "Successfully finished. [elapsed=${SECONDS}s]"
