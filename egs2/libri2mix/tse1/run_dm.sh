#!/usr/bin/env bash
# LibriSpeech (460 h; --dm 960 takes all) mixed while training, scored on Libri2Mix. Options of the protocol: README.md.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=local/protocol.sh
. local/protocol.sh
take_protocol --dm 460 "$@"
default_system --tse_config conf/laura_tse_paper_dm.yaml --codec_dir ./downloads/funcodec \
    --inference_config conf/decode_paper.yaml
exec ./tse.sh "${protocol[@]}" \
    "${system[@]}" \
    --score_opts "--preset laura" \
    --report_opts "--paper_rows conf/published/libri2mix.yaml" \
    --ngpu 4 \
    "${others[@]}"
