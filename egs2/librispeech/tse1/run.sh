#!/usr/bin/env bash
# LibriSpeech, mixed while training: 100, 360, 460 or 960 hours (--hours); development and test on fixed mixtures of dev-clean
# and test-clean.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=scripts/run_options.sh
. scripts/run_options.sh
hours=460
local_data_opts=
take_options "hours local_data_opts" "$@"
case "${hours}" in
    100 | 360 | 460 | 960) ;;
    *) echo "run.sh: --hours takes 100, 360, 460 or 960, not '${hours}'" >&2; exit 2 ;;
esac

default_system --tse_config conf/laura_tse_paper_dm.yaml --codec_dir ./downloads/funcodec \
    --inference_config conf/decode_paper.yaml
# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set "train-${hours}" \
    --valid_set dev \
    --test_sets test \
    --local_data_opts "--hours ${hours} ${local_data_opts}" \
    --fs 16k \
    "${system[@]}" \
    --score_opts "--preset laura" \
    --ngpu 4 \
    "${others[@]}"
