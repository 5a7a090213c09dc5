#!/usr/bin/env bash
# Sourced by a script that prepares data, in the recipe's folder, behind its options and help_message: reads the options, the
# environment and the places of the corpora.

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }
missing() { log "Error: $*" >&2; exit 3; }  # missing WORD...: something that the user has to fetch or to name
need_folder() {  # need_folder VARIABLE WORD...: a variable of db.sh that has to name a folder, and what this is
    [ "${!1}" != downloads ] && [ -d "${!1}" ] || missing "$1='${!1}' is not a folder; ${*:2}"
}

. utils/parse_options.sh
[ $# -eq 0 ] || { log "Error: '$1' is not an option (see --help)" >&2; exit 2; }
# shellcheck disable=SC1091
. ./path.sh
# shellcheck disable=SC1091
. ./db.sh
python=${python:-python3}
