#!/usr/bin/env bash
# Sourced by a recipe's local/protocol.sh: options of a protocol, which its run scripts take out of the command line.
# It sets protocol_names (names of the options), their defaults, protocol_help, and name_sets, which checks the options and
# sets train_set, valid_set and test_set.
# shellcheck disable=SC2034,SC2154  # set there, or read by those who source it

# shellcheck source-path=SCRIPTDIR/.. source=scripts/run_options.sh
. scripts/run_options.sh

wrong() { echo "${0##*/}: $1" >&2; exit 2; }  # wrong MESSAGE: an option is

one_of() {  # one_of OPTION VALUE...: ends the script unless the option has one of the values
    local name=$1 value IFS=,
    shift
    for value in "$@"; do if [ "${!name}" = "${value}" ]; then return 0; fi; done
    wrong "--${name} takes one of $*, not '${!name}'"
}

refuse_espnet() {  # refuse_espnet WORD...: ends the script at an option of the data.sh of ESPnet's recipes
    local word
    for word in "$@"; do
        case "${word%%=*}" in
            --sample[_-]rate) wrong "${word%%=*} of ESPnet's local/data.sh is --rate here, an option of run.sh, too" ;;
            --min[_-]or[_-]max) wrong "${word%%=*} of ESPnet's local/data.sh is --mode here, an option of run.sh, too" ;;
            --num[_-]spk) wrong "${word%%=*} of ESPnet's local/data.sh: each recipe has its number of speakers (libri2mix, librimix3)" ;;
        esac
    done
}

# check_targets NUMBER [WHAT]: ends the script unless --targets is nothing, or numbers of NUMBER speakers; where WHAT "has" the
# first speaker only, this one is the target
check_targets() {
    local number
    [[ "${targets}" =~ ^([1-9]( [1-9])*)?$ ]] || wrong "--targets takes numbers of speakers, as '1 2', not '${targets}'"
    for number in ${targets}; do
        [ "${number}" -le "$1" ] || wrong "--targets takes numbers from 1 to $1, the speakers of a mixture, not '${targets}'"
    done
    if [ -n "${2:-}" ]; then
        targets=${targets:-1}
        [ "${targets}" = 1 ] || wrong "$2 the first speaker only; leave out --targets"
    fi
}

# take_protocol WORD...: the protocol's options leave the command line; sets protocol (words for tse.sh) and others (the rest)
take_protocol() {
    local name opts='' local_data_opts=''
    refuse_espnet "$@"
    if [[ " $* " =~ " "(--help|-h)" " ]]; then echo "${protocol_help}"; echo; fi
    take_options "${protocol_names[*]} local_data_opts" "$@"
    name_sets
    # Of values only those that name_sets has checked get here: they hold no quotes.
    for name in "${protocol_names[@]}"; do opts+="--${name} '${!name}' "; done
    # shellcheck disable=SC2089,SC2090  # quotes for the program that splits them
    protocol=(--fs "${rate}" --train_set "${train_set}" --valid_set "${valid_set}" --test_sets "${test_set}"
        --local_data_opts "${opts}${local_data_opts}")
}
