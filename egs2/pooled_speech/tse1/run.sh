#!/usr/bin/env bash
# Made by setup.sh for pooled_speech
# pooled_speech: sets and configs; everything else is ./tse.sh (--help lists all options).

set -euo pipefail

# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh \
    --train_set "train" \
    --valid_set "dev" \
    --test_sets "test test_pooled" \
    --fs 16k \
    --tse_config conf/laura_tse_mini.yaml \
    "$@"
