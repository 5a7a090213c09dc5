#!/usr/bin/env bash
# Stage 1 of pooled_speech: LibriSpeech and any folders of speech, noise and rooms -> data/train, mixed while training, and fixed
# sets: dev and test of mini_librispeech, dev_pooled, test_pooled, test_pooled_noisy and test_pooled_absent of the other folders' held-out speakers
set -euo pipefail

sources=""               # folders of SPEECH with the weights of their utterances: "mine theirs:0.5"; empty: all, each 1
noises=""                # folders of NOISE; empty: all
rooms=""                 # folders of ROOMS; empty: all
librispeech_weight=1     # of LibriSpeech's utterances
dev_mixtures=60          # of dev, of dev_pooled, and of test_pooled_absent
test_mixtures=60         # of test
pooled_test_mixtures=120 # of test_pooled, and of test_pooled_noisy
crop_s=6                 # longest mixture of the pooled sets, in seconds
seed=0                   # of the fixed sets
help_message="Usage: local/data.sh [options]
  --sources               folders of SPEECH, with weights: 'mine theirs:0.5' (default: all, each 1)
  --noises, --rooms       folders of NOISE and ROOMS (default: all)
  --librispeech_weight    of LibriSpeech's utterances (default: ${librispeech_weight})
  --dev_mixtures          of dev, of dev_pooled, and of test_pooled_absent (default: ${dev_mixtures})
  --test_mixtures         of test (default: ${test_mixtures})
  --pooled_test_mixtures  of test_pooled, and of test_pooled_noisy (default: ${pooled_test_mixtures})
  --crop_s                longest mixture of the pooled sets, in seconds (default: ${crop_s})
  --seed                  of the fixed sets (default: ${seed})
LIBRISPEECH, SPEECH, NOISE and ROOMS (environment, db.sh or db.local.sh) name folders, which README.md describes; without NOISE or
ROOMS there is none of it in the mixtures, and without both no test_pooled_noisy."

# shellcheck source-path=SCRIPTDIR source=../../../TEMPLATE/tse1/scripts/data_script.sh
. scripts/data_script.sh
need_folder LIBRISPEECH "it names one in LibriSpeech layout (openslr.org/12, or /31)"
need_folder SPEECH "it holds <source>/<speaker>/<utterance>.flac (or .wav)"
for name in NOISE ROOMS; do
    [ -z "${!name}" ] || need_folder "${name}" "it holds <source>/<recording>.flac (or .wav)"
done
if [ -z "${NOISE}${ROOMS}" ]; then
    log "NOISE and ROOMS are empty: there will be no data/test_pooled_noisy, and run.sh leaves it out"
    rm -rf data/test_pooled_noisy  # of other options
fi

SECONDS=0
mkdir -p data
"${python}" local/prepare_mini_librispeech.py --librispeech "${LIBRISPEECH}" --data_dir data/librispeech \
    --dev_mixtures "${dev_mixtures}" --test_mixtures "${test_mixtures}" --seed "${seed}"
# shellcheck disable=SC2086  # lists
"${python}" local/pool_speech.py --librispeech_train data/librispeech/train --librispeech_weight "${librispeech_weight}" \
    --speech "${SPEECH}" --sources ${sources} ${NOISE:+--noise "${NOISE}"} --noises ${noises} ${ROOMS:+--rooms "${ROOMS}"} \
    --rooms_of ${rooms} --mixing local/mixing.yaml --output_dir data
mix() {  # mix SOURCES ROWS SET: a fixed set
    "${python}" -m espnet_tse.bin.mix_set --source_dir "data/sources/$1" --rows "$2" --crop_s "${crop_s}" --seed "${seed}" \
        --output_dir "data/$3" || exit 4
}
mix dev "${dev_mixtures}" dev_pooled
mix test "${pooled_test_mixtures}" test_pooled
mix test_absent "${dev_mixtures}" test_pooled_absent
if [ -n "${NOISE}${ROOMS}" ]; then mix test_noisy "${pooled_test_mixtures}" test_pooled_noisy; fi
utils/copy_data_dir.sh data/librispeech/test data/test
utils/combine_data.sh --strict false data/dev data/librispeech/dev data/dev_pooled
log "Successfully finished. [elapsed=${SECONDS}s]"
