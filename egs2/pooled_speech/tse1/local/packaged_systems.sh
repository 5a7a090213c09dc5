#!/usr/bin/env bash
# The systems that come with the package, or others that are trained, on the test sets: extracted, scored, and on a page to hear
set -euo pipefail

systems="base stream"                             # names of the package, or folders and archives of trained systems
test_sets="test test_pooled test_pooled_noisy"    # of dump/raw, after stages 1 to 3
dumpdir=dump                                      # of the recipe's run
output_dir=exp/packaged                           # outputs, scores, RESULTS.md and report.html
metrics=si_sdr,si_sdr_i,pesq,estoi,dnsmos_ovrl,spk_resemblyzer,conf_rate,conf_si_sdr,fail_rate
inference_args=                                   # options appended to extract, as "--inference_config conf/decode_speeds.yaml"
nj=1                                              # scoring jobs
help_message="Usage: local/packaged_systems.sh [options]
  --systems         names of the package, or folders and archives of trained systems (default: ${systems})
  --test_sets       of dump/raw (default: ${test_sets})
  --dumpdir         of the recipe's run (default: ${dumpdir})
  --output_dir      outputs, scores, RESULTS.md and report.html (default: ${output_dir})
  --metrics         of the scorer (default: ${metrics})
  --inference_args  options appended to extract
  --nj              scoring jobs (default: ${nj})
What is there already, extracted or scored, is not done again."

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }

. utils/parse_options.sh
[ $# -eq 0 ] || { log "Error: '$1' is not an option (see --help)" >&2; exit 2; }
# shellcheck disable=SC1091
. ./path.sh
python=${python:-python3}

score() {  # score SET DIR SYSTEM: DIR/wav.scp -> DIR/scoring
    local data=${dumpdir}/raw/$1
    "${python}" -m espnet_tse.bin.score --inf_scp "$2/wav.scp" --ref_scp "${data}/spk1.scp" --mix_scp "${data}/wav.scp" \
        --intf_scp "${data}/spk2.scp" --enroll_scp "${data}/enroll_spk1.scp" --utt2spk "${data}/utt2spk" --test_set "$1" \
        --system "$3" --metrics "${metrics}" --nj "${nj}" --cache_dir "${output_dir}/score_cache" --output_dir "$2/scoring"
}

for set in ${test_sets}; do
    data=${dumpdir}/raw/${set}
    [ -e "${data}/wav.scp" ] || { log "Error: ${data} is not there; run stages 1 to 3 (./run.sh --stop_stage 3)" >&2; exit 3; }
    mkdir -p "${output_dir}/mixture_${set}"
    cp "${data}/wav.scp" "${output_dir}/mixture_${set}/wav.scp"
    score "${set}" "${output_dir}/mixture_${set}" mixture
    for system in ${systems}; do
        name=${system%/}
        out=${output_dir}/${name##*/}_${set}
        # shellcheck disable=SC2086  # options
        "${python}" -m espnet_tse.bin.extract --model "${system}" --mixture_scp "${data}/wav.scp" \
            --enroll_scp "${data}/enroll_spk1.scp" --batch_size 4 --output_dir "${out}" ${inference_args}
        score "${set}" "${out}" "${name##*/}"
    done
done
"${python}" -m espnet_tse.bin.report --exp_dir "${output_dir}" --output "${output_dir}/RESULTS.md" --html "${output_dir}/report.html" \
    --title "pooled_speech: the systems of the package"
log "Successfully finished: ${output_dir}/report.html"
