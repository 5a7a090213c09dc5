#!/usr/bin/env bash
# Sourced by run.sh and local/data.sh: libri2mix's options of the protocol, for three speakers.
# shellcheck disable=SC2034  # read by those who source it

# shellcheck source-path=SCRIPTDIR/.. source=local/librimix_protocol.sh
. local/librimix_protocol.sh
num_speakers=3
