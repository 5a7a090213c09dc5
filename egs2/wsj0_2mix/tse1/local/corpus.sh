#!/usr/bin/env bash
# Sourced by local/protocol.sh: which of the corpora of WSJ0's mixtures this recipe is for.
# shellcheck disable=SC2034  # read by those who source it

corpus=wsj0_2mix
title=WSJ0-2mix
place=WSJ0_2MIX  # variable that names its folder
kinds=(clean)
kind=clean
rooms=           # whether mixtures and targets have a room
