#!/usr/bin/env bash
# pooled_speech: LibriSpeech (LIBRISPEECH) and any folders of speech (SPEECH), with noise (NOISE) and rooms (ROOMS) where there are
# any, mixed online for training.

set -euo pipefail

test_sets="test test_pooled test_pooled_absent"
# shellcheck disable=SC1091
if (. ./db.sh && [ -n "${NOISE}${ROOMS}" ]); then test_sets+=" test_pooled_noisy"; fi

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set train \
    --valid_set dev \
    --test_sets "${test_sets}" \
    --fs 16k \
    --tse_config local/conf/magnitude_mask_base.yaml \
    --nj 2 \
    --num_procs 1 \
    "$@"
