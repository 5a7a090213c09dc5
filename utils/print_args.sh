#!/usr/bin/env bash
# Prints its arguments as one line that a shell reads back unchanged.
printf '%q ' "$@" | sed 's/ $//'
echo
