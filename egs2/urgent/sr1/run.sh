#!/usr/bin/env bash
# Speech restoration by UniSE's task sr on data of the URGENT or DNS challenges (URGENT): trained with all three tasks on mixtures
# of clean speech, noise and rooms, tested on noisy recordings of one talker each.

set -euo pipefail

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --fs 16k \
    --tse_config conf/unise_paper.yaml \
    --inference_config conf/decode_restoration.yaml \
    --score_opts "--preset unise --model_dir ./downloads/scoring" \
    --ngpu 4 \
    "$@"
