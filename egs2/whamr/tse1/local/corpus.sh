#!/usr/bin/env bash
# Sourced by local/protocol.sh: which of the corpora of WSJ0's mixtures this recipe is for.
# shellcheck disable=SC2034  # read by those who source it

corpus=whamr
title='WHAMR!'
place=WHAMR  # variable that names its folder
kinds=(clean both single)
kind=both
rooms=true           # whether mixtures and targets have a room
