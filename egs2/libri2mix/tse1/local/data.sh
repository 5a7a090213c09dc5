#!/usr/bin/env bash
# Stage 1 of libri2mix and librimix3: LibriMix's metadata, LibriSpeech and WHAM!'s noise -> mixtures below LIBRI2MIX or
# LIBRI3MIX -> data/<set>
set -euo pipefail

nj=            # jobs that make mixtures; none: 32 on a cluster, as many as processors here
dry_run=false  # tell what would be written, and write nothing
# shellcheck source-path=SCRIPTDIR source=protocol.sh
. local/protocol.sh
help_message="Usage: local/data.sh [options]
${protocol_help}
Further options
  --nj           jobs that make mixtures (default: none: 32 on a cluster, as many as processors here)
  --dry_run      true: tell what would be written, and write nothing (default: false)
Variables (environment, db.sh or db.local.sh): LIBRISPEECH, LIBRIMIX_METADATA; LIBRI${num_speakers}MIX, where mixtures are
or will be (default: downloads/Libri${num_speakers}Mix); WHAM_NOISE, for kinds with noise; ENROLLMENT_LISTS, for published enrollments."

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }
missing() { log "Error: $*" >&2; exit 3; }  # missing WORD...: something that the user has to fetch

refuse_espnet "$@"
. utils/parse_options.sh
[ $# -eq 0 ] || wrong "'$1' is not an option (see --help)"
name_sets
# shellcheck disable=SC1091
. ./path.sh
# shellcheck disable=SC1091
. ./cmd.sh
# shellcheck disable=SC1091
. ./db.sh
python=${python:-python3}

folder=LIBRI${num_speakers}MIX
librimix=${!folder:-downloads/Libri${num_speakers}Mix}
[ -n "${LIBRIMIX_METADATA}" ] \
    || missing "LIBRIMIX_METADATA is not set; it names metadata/Libri${num_speakers}Mix of a clone of github.com/JorisCos/LibriMix"
[ -d "${LIBRIMIX_METADATA}" ] || missing "LIBRIMIX_METADATA='${LIBRIMIX_METADATA}' is not a folder"
common=(--librimix "${librimix}" --metadata "${LIBRIMIX_METADATA}" --num_speakers "${num_speakers}"
    --sample_rate "${rate/%k/000}" --mode "${mode}" --published_metadata "${published_metadata}")
if [ -d "${LIBRISPEECH}" ] && [ "${LIBRISPEECH}" != downloads ]; then common+=(--librispeech "${LIBRISPEECH}"); fi
sets=(dev test)
if [ -z "${dm}" ]; then read -ra sets <<< "${parts} dev test"; fi
making=("${python}" -m espnet_tse.bin.generate_librimix "${common[@]}" --sets "${sets[@]}" --kinds "${kind}")
if [ -n "${WHAM_NOISE}" ]; then making+=(--wham_noise "${WHAM_NOISE}"); fi

if "${dry_run}"; then
    exec "${making[@]}" --dry_run
fi

[ "${LIBRISPEECH}" != downloads ] && [ -d "${LIBRISPEECH}" ] \
    || missing "LIBRISPEECH='${LIBRISPEECH}' is not a folder; it names the one that holds train-clean-100, dev-clean ..." \
        "(openslr.org/12)"
if [ -n "${ENROLLMENT_LISTS}" ] && [ ! -d "${ENROLLMENT_LISTS}" ]; then
    missing "ENROLLMENT_LISTS='${ENROLLMENT_LISTS}' is not a folder"
fi
if [[ "${enrollment}" == speakerbeam || "${enrollment}" == laura ]]; then
    [ -n "${ENROLLMENT_LISTS}" ] || missing "ENROLLMENT_LISTS is not set; enrollment '${enrollment}' takes published lists," \
        "whose folder it names (README.md says where they come from)"
fi
# Mixtures that are there need no noise any more.
if [ "${kind}" != clean ] && [ ! -d "${WHAM_NOISE}" ] && [ ! -d "${librimix}/wav${rate}/${mode}/test/mix_${kind}" ]; then
    missing "WHAM_NOISE='${WHAM_NOISE}' is not a folder; it names wham_noise of WHAM!'s noise (wham.whisper.ai)," \
        "which holds tr, cv and tt"
fi

if [ -z "${nj}" ]; then
    nj=32
    # shellcheck disable=SC2154  # of cmd.sh
    if [[ "${train_cmd}" == *run.pl* ]]; then nj=$(utils/num_cpus.pl); fi
fi
SECONDS=0
logs=data/log/librimix_${rate}_${mode}_${kind}
mkdir -p "${logs}"
log "mixtures of ${sets[*]} -> ${librimix}, ${nj} jobs; their logs are ${logs}/generate.*.log"
# shellcheck disable=SC2086  # a command and its options
${train_cmd} JOB=1:"${nj}" "${logs}/generate.JOB.log" "${making[@]}" --shard "JOB/${nj}" \
    || { grep -h 'error:' "${logs}"/generate.*.log | sort -u | head -n 5 >&2 || true
         log "Error: mixtures could not be made; read ${logs}/generate.*.log, then run the same command again" >&2
         exit 4; }
"${making[@]}" --check || exit 4

prepare() {  # prepare DIR OPTION...: lists of a set
    local dir=$1
    shift
    "${python}" -m espnet_tse.bin.prepare_librimix "${common[@]}" --kind "${kind}" --enrollment "${enrollment}" \
        ${targets:+--targets ${targets}} ${ENROLLMENT_LISTS:+--enrollment_lists "${ENROLLMENT_LISTS}"} \
        --output_dir "${dir}" "$@" || exit 4
}
prepare "data/${test_set}" --sets test
prepare "data/${valid_set}" --sets dev
if [ -n "${dm}" ]; then
    case "${dm}" in
        100) subsets=(train-clean-100) ;;
        360) subsets=(train-clean-360) ;;
        460) subsets=(train-clean-100 train-clean-360) ;;
        960) subsets=(train-clean-100 train-clean-360 train-other-500) ;;
    esac
    "${python}" -m espnet_tse.bin.prepare_librispeech --librispeech "${LIBRISPEECH}" --subsets "${subsets[@]}" \
        --published_counts "${published_metadata}" --mixing local/mixing.yaml --output_dir "data/${train_set}" || exit 4
else
    # shellcheck disable=SC2086  # a list
    prepare "data/${train_set}" --sets ${parts} --training
fi
log "Successfully finished. [elapsed=${SECONDS}s]"
