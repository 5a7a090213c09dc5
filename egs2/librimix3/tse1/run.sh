#!/usr/bin/env bash
# Libri3Mix at 8 kHz: one of three speakers. Options of the protocol: README.md, or --help.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=local/protocol.sh
. local/protocol.sh
take_protocol --rate 8k "$@"
default_system --tse_config conf/usef_tfgridnet_l_8k.yaml
# With exec a signal reaches the pipeline itself; options of the command line come last and win.
exec ./tse.sh "${protocol[@]}" \
    "${system[@]}" \
    --score_opts "--metrics si_sdr,si_sdr_i,sdr,pesq,estoi,conf_rate" \
    --ngpu 1 \
    "${others[@]}"
