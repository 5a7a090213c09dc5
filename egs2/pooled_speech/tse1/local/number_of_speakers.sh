#!/usr/bin/env bash
# One network and one budget on more and more speakers: trained, extracted, scored, and SI-SDRi against their number as a plot
set -euo pipefail

numbers="54 108 217 434"                          # training speakers; each set holds the one before
seed=0                                            # of the speakers' order
train_set=train                                   # set of dump/raw that they are taken from, after stages 1 to 3
test_sets="dev test test_pooled"                  # of dump/raw, after stages 1 to 3
dumpdir=dump                                      # of the recipe's run
output_dir=exp/speakers                           # lists, systems, outputs, scores and number_of_speakers.svg
tse_config=local/conf/magnitude_mask_speakers.yaml
tse_args=                                         # options appended to the training
metrics=si_sdr,si_sdr_i,spk_resemblyzer,conf_rate,conf_si_sdr,fail_rate
help_message="Usage: local/number_of_speakers.sh [options]
  --numbers     training speakers, each with all voices that stage 2 has made of them; each set holds the one before (default: ${numbers})
  --seed        of the speakers' order (default: ${seed})
  --train_set   set of dump/raw that they are taken from (default: ${train_set})
  --test_sets   of dump/raw, after stages 1 to 3 (default: ${test_sets})
  --dumpdir     of the recipe's run (default: ${dumpdir})
  --output_dir  lists, systems, outputs, scores and number_of_speakers.svg (default: ${output_dir})
  --tse_config  the system (default: ${tse_config})
  --tse_args    options appended to the training
  --metrics     of the scorer (default: ${metrics})
What is there already, trained, extracted or scored, is not done again."

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }

. utils/parse_options.sh
[ $# -eq 0 ] || { log "Error: '$1' is not an option (see --help)" >&2; exit 2; }
# shellcheck disable=SC1091
. ./path.sh
python=${python:-python3}

data=${dumpdir}/raw/${train_set}
[ -e "${data}/spk2utt" ] || { log "Error: ${data} is not there; run stages 1 to 3 (./run.sh --stop_stage 3)" >&2; exit 3; }
mkdir -p "${output_dir}"
voices=${output_dir}/${train_set}_voices
"${python}" local/voices_of_persons.py --spk2utt "${data}/spk2utt" | LC_ALL=C sort > "${voices}"
there=$(cut -d ' ' -f 1 "${voices}" | uniq | wc -l)
systems=
for number in ${numbers}; do
    [[ "${number}" =~ ^[1-9][0-9]*$ ]] || { log "Error: --numbers: '${number}' is not a number of speakers" >&2; exit 2; }
    [ "${number}" -le "${there}" ] || { log "Error: --numbers ${number}: ${data} has ${there} speakers" >&2; exit 2; }
    subset=${train_set}_${number}_speakers
    list=${output_dir}/${subset}
    # With all their voices: copies at other speeds or with other formants are no more speakers.
    cut -d ' ' -f 1 "${voices}" | uniq | utils/shuffle_list.pl --srand "${seed}" \
        | awk -v n="${number}" 'NR == FNR { if (FNR <= n) chosen[$1]; next } $1 in chosen { print $2 }' - "${voices}" > "${list}"
    # Anew each time: what has not changed is not trained on again, what has is.
    utils/subset_data_dir.sh --spk-list "${list}" "${data}" "${dumpdir}/raw/${subset}"
    tag=speakers_${number}
    ./run.sh --dumpdir "${dumpdir}" --expdir "${output_dir}" --skip_data_prep true --skip_eval true --skip_packing true --train_set "${subset}" \
        --tse_config "${tse_config}" --tse_tag "${tag}" --tse_args "${tse_args}"
    systems+=" ${output_dir}/tse_${tag}"
done
local/packaged_systems.sh --systems "${systems}" --test_sets "${test_sets}" --dumpdir "${dumpdir}" --output_dir "${output_dir}" \
    --metrics "${metrics}"
# shellcheck disable=SC2086  # lists
"${python}" local/plot_number_of_speakers.py --output_dir "${output_dir}" --numbers ${numbers} --test_sets ${test_sets}
log "Successfully finished: ${output_dir}/number_of_speakers.svg"
