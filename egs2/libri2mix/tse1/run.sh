#!/usr/bin/env bash
# Libri2Mix: LauraTSE at the paper's size, trained on its mixtures. Options of the protocol: README.md, or --help.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=local/protocol.sh
. local/protocol.sh
take_protocol "$@"
default_system --tse_config conf/laura_tse_paper.yaml --codec_dir ./downloads/funcodec \
    --inference_config conf/decode_paper.yaml
# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh "${protocol[@]}" \
    "${system[@]}" \
    --score_opts "--preset laura" \
    --report_opts "--paper_rows conf/published/libri2mix.yaml" \
    --ngpu 4 \
    "${others[@]}"
