#!/usr/bin/env bash
# Real recordings of the user's own (REAL_TSE) as the test set; training and development on mixtures of LibriSpeech that are made
# like conversations: turns, pauses, partial overlap, and 38 % of them without the enrolled speaker.

set -euo pipefail

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set train \
    --valid_set dev \
    --test_sets real \
    --fs 16k \
    --tse_config local/conf/bsrnn_real_paper.yaml \
    --inference_config local/conf/decode_own_level.yaml \
    --score_opts "--preset real_tse --model_dir ./downloads/scoring" \
    --ngpu 4 \
    "$@"
