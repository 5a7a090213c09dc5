#!/usr/bin/env bash
# Sourced by local/protocol.sh: which of the corpora of WSJ0's mixtures this recipe is for.
# shellcheck disable=SC2034  # read by those who source it

corpus=wham
title='WHAM!'
place=WHAM  # variable that names its folder
kinds=(clean both single)
kind=both
rooms=           # whether mixtures and targets have a room
