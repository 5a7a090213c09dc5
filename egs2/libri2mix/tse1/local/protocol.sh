#!/usr/bin/env bash
# Sourced by run*.sh and local/data.sh: the options of the protocol, and the names of the sets that follow from them.
# shellcheck disable=SC2034  # read by those who source it

# shellcheck source-path=SCRIPTDIR/.. source=scripts/protocol_options.sh
. scripts/protocol_options.sh
protocol_names=(rate mode kind enrollment targets parts dm published_metadata)
num_speakers=2
rate=16k                      # 16k or 8k
mode=min                      # min: mixtures as long as their shortest source; max: as their longest
kind=clean                    # clean: the speakers; both: and WHAM!'s noise; single: the first speaker and the noise
enrollment=own                # own, speakerbeam, laura or espnet: README.md
targets=                      # numbers of the speakers that are targets; none: all, with laura and single the first
parts="train-100 train-360"   # LibriMix's training sets
dm=                           # LibriSpeech mixed while training in place of parts: its hours, 100, 360, 460 or 960
published_metadata=true       # false: metadata of your own, of any number of mixtures
protocol_help="Options of the protocol
  --rate         16k or 8k (default: ${rate})
  --mode         min or max (default: ${mode})
  --kind         clean, both (with noise) or single (default: ${kind})
  --enrollment   own, speakerbeam, laura or espnet (default: ${enrollment})
  --targets      numbers of the target speakers, as '1' (default: all; with laura and single: 1)
  --parts        LibriMix's training sets (default: ${parts})
  --dm           hours of LibriSpeech that are mixed while training in place of them: 100, 360, 460 or 960 (default: none)
  --published_metadata  false: metadata of your own (default: true)"

name_sets() {  # checks the options; sets train_set, valid_set, test_set
    local part tag train first_only=''
    one_of rate 16k 8k
    one_of mode min max
    one_of kind clean both single
    one_of enrollment own speakerbeam laura espnet
    [ -z "${dm}" ] || one_of dm 100 360 460 960
    one_of published_metadata true false
    for part in ${parts}; do
        [[ "${part}" =~ ^train-(100|360)$ ]] || wrong "--parts takes train-100 and train-360, not '${part}'"
    done
    if [ "${enrollment}" = laura ] && [ "${num_speakers}" != 2 ]; then wrong "LauraTSE's enrollments are of two speakers"; fi
    if [ "${kind}" = single ]; then first_only="--kind single has"; fi
    if [ "${enrollment}" = laura ]; then first_only="LauraTSE's lists have"; fi
    check_targets "${num_speakers}" "${first_only}"
    [ -n "${parts}" ] || wrong "--parts names no set"
    tag=${rate}_${mode}_${kind}_${enrollment}${targets:+_s${targets// /}}
    train=${parts// /+}
    if [ "${train}" = train-100+train-360 ]; then train="train-460"; fi
    train_set=${train}_${tag}
    if [ -n "${dm}" ]; then train_set=librispeech-${dm}_${rate}; fi
    valid_set=dev_${tag}
    test_set=test_${tag}
}
