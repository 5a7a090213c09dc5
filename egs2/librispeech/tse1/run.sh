#!/usr/bin/env bash
# LibriSpeech, mixed while training: 100, 360, 460 or 960 hours (--hours); development and test on fixed mixtures of dev-clean
# and test-clean.

set -euo pipefail

hours=460
data_opts=
others=()
while [ $# -gt 0 ]; do
    name=${1%%=*}
    case "${name}" in
        --hours | --local_data_opts)
            if [[ "$1" == *=* ]]; then set -- "${name}" "${1#*=}" "${@:2}"; fi
            [ $# -ge 2 ] || { echo "run.sh: option ${name} needs a value" >&2; exit 2; }
            if [ "${name}" = --hours ]; then hours=$2; else data_opts=$2; fi
            shift 2
            ;;
        *) others+=("$1"); shift ;;
    esac
done
case "${hours}" in
    100 | 360 | 460 | 960) ;;
    *) echo "run.sh: --hours takes 100, 360, 460 or 960, not '${hours}'" >&2; exit 2 ;;
esac

# Codec and decoding of the published system, which another one (by ESPnet's name of the option, too) need not fit.
system=(--tse_config conf/laura_tse_paper_dm.yaml --codec_dir ./downloads/funcodec
    --inference_config conf/decode_paper.yaml)
if [[ " ${others[*]} " =~ " --"(tse|enh)_config[\ =] ]]; then system=(); fi

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set "train-${hours}" \
    --valid_set dev \
    --test_sets test \
    --local_data_opts "--hours ${hours} ${data_opts}" \
    --fs 16k \
    "${system[@]}" \
    --score_opts "--preset laura" \
    --ngpu 4 \
    "${others[@]}"
