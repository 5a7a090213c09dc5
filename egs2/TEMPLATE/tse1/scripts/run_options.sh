#!/usr/bin/env bash
# Sourced by run scripts that have options of their own: takes them out of the command line.
# shellcheck disable=SC2034  # read by those who source it

# take_options NAMES WORD...: sets the variables among NAMES (separated by spaces) that WORDs give a value; the other words
# become others, every option as --name and value, with "_" for "-" in its name. Values stay as they are.
take_options() {
    local names=" $1 " word name
    shift
    others=()
    while [ $# -gt 0 ]; do
        word=$1
        shift
        if [[ "${word}" != --* || "${word}" = --help ]]; then
            others+=("${word}")
            continue
        fi
        name=${word%%=*}
        name=${name#--}
        name=${name//-/_}
        if [[ "${word}" = *=* ]]; then set -- "${word#*=}" "$@"; fi
        if [[ "${names}" != *" ${name} "* ]]; then
            others+=("--${name}" "${@:1:1}")
        elif [ $# -ge 1 ]; then
            printf -v "${name}" '%s' "$1"
        else
            echo "${0##*/}: option --${name} needs a value" >&2
            exit 2
        fi
        if [ $# -ge 1 ]; then shift; fi
    done
}

has_option() {  # has_option OPTION...: whether others have one of these words
    local word option
    for word in "${others[@]}"; do
        for option in "$@"; do if [ "${word}" = "${option}" ]; then return 0; fi; done
    done
    return 1
}

# default_system OPTION...: sets system to these words for tse.sh, or to none where the command line names another system,
# which they need not fit; ESPnet's name of the option counts, too
default_system() {
    if has_option --tse_config --enh_config; then system=(); else system=("$@"); fi
}
