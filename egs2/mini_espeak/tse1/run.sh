#!/usr/bin/env bash
# mini_espeak: two-speaker mixtures of synthesised speech, nothing to download; minutes on two processors.

set -euo pipefail

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set train \
    --valid_set dev \
    --test_sets test \
    --fs 16k \
    --tse_config conf/laura_tse_mini.yaml \
    --nj 2 \
    --num_procs 2 \
    --asr pocketsphinx:local/grid.jsgf \
    --local_data_opts "--train_speakers 96 --train_sentences 20" \
    "$@"
