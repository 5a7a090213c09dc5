#!/usr/bin/env bash
# mini_librispeech: real speech, mixed online for training; LIBRISPEECH= names a folder in LibriSpeech layout, or
# OpenSLR-31 is downloaded.

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
    --asr pocketsphinx \
    "$@"
