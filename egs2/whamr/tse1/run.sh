#!/usr/bin/env bash
# WHAMR!, two speakers, noise and a room at 8 kHz: USEF-TFGridNet. Options of the protocol: README.md, or --help.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=local/protocol.sh
. local/protocol.sh
take_protocol "$@"
default_system --tse_config conf/usef_tfgridnet_l_8k.yaml
# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh "${protocol[@]}" \
    "${system[@]}" \
    --score_opts "--metrics si_sdr,si_sdr_i,sdr,pesq,estoi" \
    --ngpu 1 \
    "${others[@]}"
