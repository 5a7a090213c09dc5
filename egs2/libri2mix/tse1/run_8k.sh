#!/usr/bin/env bash
# Libri2Mix at 8 kHz, scored at its own rate: USEF-TFGridNet-L. Options of the protocol: README.md, or --help.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=local/protocol.sh
. local/protocol.sh
take_protocol --rate 8k "$@"
exec ./tse.sh "${protocol[@]}" \
    --tse_config conf/usef_tfgridnet_l_8k.yaml \
    --score_opts "--metrics si_sdr,si_sdr_i,sdr,pesq,estoi,conf_rate" \
    --ngpu 1 \
    "${others[@]}"
