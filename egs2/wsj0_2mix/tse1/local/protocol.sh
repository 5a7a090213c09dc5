#!/usr/bin/env bash
# Sourced by run.sh and local/data.sh of wsj0_2mix, wham and whamr: the options of the protocol, and the names of the sets that
# follow from them.
# shellcheck disable=SC2034,SC2154  # read by those who source it, or set by local/corpus.sh

# shellcheck source-path=SCRIPTDIR/.. source=scripts/protocol_options.sh
. scripts/protocol_options.sh
# shellcheck source-path=SCRIPTDIR source=corpus.sh
. local/corpus.sh
protocol_names=(rate mode kind enrollment targets published_counts)
rate=8k                # 8k or 16k
mode=min               # min: mixtures as long as their shorter source; max: as their longer
enrollment=own         # own or spex: README.md
targets=               # numbers of the speakers that are targets; none: both, with kind single the first
published_counts=true  # false: any number of mixtures
room=reverb            # of WHAMR!'s mixtures: reverb or anechoic
target=anechoic        # of its targets
room_help=
if [ -n "${rooms}" ]; then
    protocol_names+=(room target)
    room_help="
  --room         of the mixtures: reverb or anechoic (default: ${room})
  --target       what is to be extracted: the anechoic or the reverb speech (default: ${target})"
fi
protocol_help="Options of the protocol
  --rate         8k or 16k (default: ${rate})
  --mode         min or max (default: ${mode})
  --kind         of mixtures: ${kinds[*]} (default: ${kind})${room_help}
  --enrollment   own or spex (default: ${enrollment})
  --targets      numbers of the target speakers, as '1' (default: both; with kind single: 1)
  --published_counts  false: mixtures of your own, of any number (default: true)"

name_sets() {  # checks the options; sets train_set, valid_set, test_set
    local tag
    one_of rate 8k 16k
    one_of mode min max
    one_of kind "${kinds[@]}"
    one_of enrollment own spex
    one_of published_counts true false
    one_of room reverb anechoic
    one_of target anechoic reverb
    if [ "${room} ${target}" = "anechoic reverb" ]; then wrong "--room anechoic has no --target reverb"; fi
    if [ "${kind}" = single ]; then check_targets 2 "--kind single has"; else check_targets 2; fi
    tag=${rate}_${mode}_${kind}_${rooms:+${room}-${target}_}${enrollment}${targets:+_s${targets// /}}
    train_set=tr_${tag}
    valid_set=cv_${tag}
    test_set=tt_${tag}
}
