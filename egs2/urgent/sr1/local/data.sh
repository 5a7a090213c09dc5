#!/usr/bin/env bash
# Stage 1 of urgent: a folder of clean speech, noise, rooms and noisy recordings -> data/train, mixed while training, data/{dev,test}
set -euo pipefail

dev_speakers=20    # of clean/, kept out of training
dev_mixtures=1000  # of the development set
dev_crop_s=5       # longest of them, in seconds
seed=0             # of the development set
help_message="Usage: local/data.sh [options]
  --dev_speakers  of clean/, kept out of training (default: ${dev_speakers})
  --dev_mixtures  of the development set (default: ${dev_mixtures})
  --dev_crop_s    longest of them, in seconds (default: ${dev_crop_s})
  --seed          of the development set (default: ${seed})
URGENT (environment, db.sh or db.local.sh) names the folder of the data, which README.md describes."

# shellcheck source-path=SCRIPTDIR source=../../../TEMPLATE/tse1/scripts/data_script.sh
. scripts/data_script.sh
need_folder URGENT "it names the one that holds clean/, noise/ and test/noisy/"

SECONDS=0
mkdir -p data
"${python}" local/prepare_restoration.py --folder "${URGENT}" --dev_speakers "${dev_speakers}" --output_dir data || exit 4
cp local/mixing.yaml data/mixing.yaml.tmp
# Of the lists that mixing.yaml names stage 2 makes nothing: they are brought to one rate and channel here.
for kind in noise rir; do
    [ -s "data/${kind}/wav.scp" ] || { rm -rf "data/${kind}_16k"; continue; }
    "${python}" -m espnet_tse.bin.format_data --data_dir "data/${kind}" --output_dir "data/${kind}_16k" --audio_format wav \
        --sample_rate 16000 || exit 4
    echo "${kind}_scp: data/${kind}_16k/wav.scp" >> data/mixing.yaml.tmp
done
cp data/mixing.yaml.tmp data/train/mixing.yaml
mv data/mixing.yaml.tmp data/dev_sources/mixing.yaml
"${python}" -m espnet_tse.bin.format_data --data_dir data/dev_sources --output_dir data/dev_sources_16k \
    --sample_rate 16000 || exit 4
"${python}" -m espnet_tse.bin.mix_set --source_dir data/dev_sources_16k --rows "${dev_mixtures}" --crop_s "${dev_crop_s}" \
    --seed "${seed}" --output_dir data/dev || exit 4
log "Successfully finished. [elapsed=${SECONDS}s]"
