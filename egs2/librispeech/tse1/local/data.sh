#!/usr/bin/env bash
# Stage 1 of librispeech: LibriSpeech -> data/train-<hours>, mixed while training, and fixed mixtures data/{dev,test}
set -euo pipefail

hours=460      # of training speech: 100, 360, 460 or 960
mixtures=3000  # of dev and of test
seed=0         # of the draw of dev and test
published_counts=true  # false: LibriSpeech with any number of utterances
nj=            # jobs that make mixtures; none: 32 on a cluster, as many as processors here
dry_run=false  # tell what would be written, and write nothing
help_message="Usage: local/data.sh [options]
  --hours        of training speech: 100, 360, 460 or 960 (default: ${hours})
  --mixtures     of dev and of test (default: ${mixtures})
  --seed         of the draw of dev and test (default: ${seed})
  --published_counts  false: LibriSpeech with any number of utterances (default: true)
  --nj           jobs that make mixtures (default: none: 32 on a cluster, as many as processors here)
  --dry_run      true: tell what would be written, and write nothing (default: false)
LIBRISPEECH (environment, db.sh or db.local.sh) names the folder that holds train-clean-100, dev-clean, test-clean ..."

# shellcheck source-path=SCRIPTDIR source=../../../TEMPLATE/tse1/scripts/data_script.sh
. scripts/data_script.sh
case "${hours}" in
    100) subsets=(train-clean-100) ;;
    360) subsets=(train-clean-360) ;;
    460) subsets=(train-clean-100 train-clean-360) ;;
    960) subsets=(train-clean-100 train-clean-360 train-other-500) ;;
    *) log "Error: --hours takes 100, 360, 460 or 960, not '${hours}'" >&2; exit 2 ;;
esac
# shellcheck disable=SC1091
. ./cmd.sh
need_folder LIBRISPEECH "it names the one that holds ${subsets[*]}, dev-clean and test-clean (openslr.org/12)"

SECONDS=0
draw=("${python}" local/draw_mixtures.py --librispeech "${LIBRISPEECH}" --mixtures "${mixtures}" --seed "${seed}"
    --published_counts "${published_counts}")
if "${dry_run}"; then
    exec "${draw[@]}" --dry_run
fi
audio=data/audio  # in the layout of LibriMix
lists=data/metadata
common=(--librimix "${audio}" --metadata "${lists}" --librispeech "${LIBRISPEECH}" --published_metadata false)
# Audio is resumed by file; of other lists it is made anew.
"${draw[@]}" --output_dir "${lists}.new.tmp"
if ! diff -r "${lists}.new.tmp" "${lists}" > /dev/null 2>&1; then
    rm -rf "${audio}" "${lists}"
    mv "${lists}.new.tmp" "${lists}"
fi
rm -rf "${lists}.new.tmp"
if [ -z "${nj}" ]; then
    nj=32
    # shellcheck disable=SC2154  # of cmd.sh
    if [[ "${train_cmd}" == *run.pl* ]]; then nj=$(utils/num_cpus.pl); fi
fi
making=("${python}" -m espnet_tse.bin.generate_librimix "${common[@]}" --sets dev test)
# shellcheck disable=SC2086  # a command and its options
${train_cmd} JOB=1:"${nj}" data/log/generate.JOB.log "${making[@]}" --shard "JOB/${nj}" \
    || { log "Error: mixtures could not be made; read data/log/generate.*.log, then run the same command again" >&2; exit 4; }
"${making[@]}" --check || exit 4
if "${published_counts}"; then speech=; else speech=", own speech"; fi
for set in dev test; do
    "${python}" -m espnet_tse.bin.prepare_librimix "${common[@]}" --sets "${set}" --output_dir "data/${set}" || exit 4
    sed -e "s/^list: .*/list: librispeech ${set}, ${mixtures} mixtures, seed ${seed}${speech}/" "data/${set}/protocol" \
        > "data/${set}/protocol.tmp"
    mv "data/${set}/protocol.tmp" "data/${set}/protocol"
done
"${python}" -m espnet_tse.bin.prepare_librispeech --librispeech "${LIBRISPEECH}" --subsets "${subsets[@]}" \
    --published_counts "${published_counts}" --mixing local/mixing.yaml --output_dir "data/train-${hours}" || exit 4
log "Successfully finished. [elapsed=${SECONDS}s]"
