#!/usr/bin/env bash
# Stage 1 of real_tse: a folder of recordings -> data/real; LibriSpeech -> data/train, mixed while training, and data/dev
set -euo pipefail

subsets="train-clean-100 train-clean-360"  # of LibriSpeech, for training
dev_mixtures=2000  # of the development set
dev_crop_s=6       # longest of them, in seconds
seed=0             # of the development set
published_counts=true  # false: LibriSpeech with any number of utterances
help_message="Usage: local/data.sh [options]
  --subsets       of LibriSpeech, for training (default: ${subsets})
  --dev_mixtures  of the development set (default: ${dev_mixtures})
  --dev_crop_s    longest of them, in seconds (default: ${dev_crop_s})
  --seed          of the development set (default: ${seed})
  --published_counts  false: LibriSpeech with any number of utterances (default: true)
REAL_TSE (environment, db.sh or db.local.sh) names the folder of recordings, which README.md describes; LIBRISPEECH the one that
holds train-clean-100, dev-clean ...; MUSAN, if it is set, noise for the training mixtures."

# shellcheck source-path=SCRIPTDIR source=../../../TEMPLATE/tse1/scripts/data_script.sh
. scripts/data_script.sh
need_folder REAL_TSE "it names the one that holds mixture/ and enrollment/"
need_folder LIBRISPEECH "it names the one that holds ${subsets} dev-clean (openslr.org/12)"
[ -z "${MUSAN}" ] || need_folder MUSAN "it names what openslr.org/17 unpacks to"

SECONDS=0
mkdir -p data
"${python}" local/prepare_recordings.py --folder "${REAL_TSE}" --output_dir data/real || exit 4
mixing=local/mixing.yaml
if [ -n "${MUSAN}" ]; then
    "${python}" -m espnet_tse.bin.list_noise --corpus musan --corpus_dir "${MUSAN}" --output data/musan.scp || exit 4
    mixing=data/mixing_in_noise.yaml
    { cat local/mixing.yaml; printf 'noise_scp: data/musan.scp\nsnr_db: [0.0, 20.0]\nnoise_share: 0.8\n'; } > "${mixing}.tmp"
    mv "${mixing}.tmp" "${mixing}"
fi
# shellcheck disable=SC2086  # a list
"${python}" -m espnet_tse.bin.prepare_librispeech --librispeech "${LIBRISPEECH}" --subsets ${subsets} \
    --published_counts "${published_counts}" --mixing "${mixing}" --output_dir data/train || exit 4
"${python}" -m espnet_tse.bin.prepare_librispeech --librispeech "${LIBRISPEECH}" --subsets dev-clean \
    --published_counts "${published_counts}" --mixing "${mixing}" --output_dir data/dev_sources || exit 4
"${python}" -m espnet_tse.bin.mix_set --source_dir data/dev_sources --rows "${dev_mixtures}" --crop_s "${dev_crop_s}" \
    --seed "${seed}" --output_dir data/dev || exit 4
log "Successfully finished. [elapsed=${SECONDS}s]"
