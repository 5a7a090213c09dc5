#!/usr/bin/env bash
# A codec from a corpus to its scores: the stages of tse.sh that a codec needs, to train one by itself.
# (Stage 4 of tse.sh trains its codec by the same functions.) ./codec.sh --help lists all options.
# shellcheck disable=SC2034,SC2154  # the sourced files read some variables, by name too, and set others

set -euo pipefail
command_line=("$@")

# Options
# General
stage=1                # first stage to run: number or name
stop_stage=100         # last stage to run: number or name
skip_data_prep=false   # skip stages 1 to 3
skip_train=false       # skip stages 4 and 5
skip_eval=false        # skip stages 6 and 7
force=false            # redo the chosen stages even if nothing has changed
dry_run=false          # print what would be run and touch nothing
nj=                    # jobs of a data stage; none: 32 on a cluster, at most the processors here locally
inference_nj=          # jobs of resynthesis and scoring; none: as nj
ngpu=0                 # GPUs for training; 0 trains on processors
num_threads=1          # threads of training
python=python3         # the interpreter of every stage
seed=                  # seed of training; none: the configs'
dumpdir=dump           # formatted data
expdir=exp             # models, outputs, scores
# Sets: single-speaker directories, or TSE directories, whose clean targets are then taken
train_set=             # training set: data/<train_set> (required)
valid_set=             # development set (required)
test_sets=             # test sets, one quoted string (required)
# Data
local_data_opts=       # options of local/data.sh
fs=16k                 # sample rate of the codec: 16k, 8k or in Hz
audio_format=flac      # flac or wav: format of rewritten audio
min_wav_duration=0.1   # shorter training and development rows are dropped (s)
max_wav_duration=20    # longer training and development rows are dropped (s)
# Codec
codec_config=          # YAML of the codec
codec_args=            # options appended after codec_config, these win
codec_dir=             # instead of training: a FunCodec or BiCodec release folder to import
codec_tag=             # suffix of exp/codec_<tag>; none: from codec_dir or codec_config
codec_exp=             # full name of the codec's folder; overrides codec_tag
# Scoring
asr=                   # recogniser of the WER metrics, as pocketsphinx; none: as the preset says
score_opts=            # more options of the scorer, as "--preset offline"

. scripts/stage.sh
. scripts/data_stages.sh
. scripts/train_stages.sh
. scripts/score_stages.sh

stage_names=([1]=data [2]=format [3]=filter [4]=stats [5]=train [6]=resynthesize [7]=score)
stage_texts=([1]="local/data.sh -> data/<set>"
    [2]="one sample rate, mono, checked audio -> dump/raw/<set>"
    [3]="removal of too short and too long rows"
    [4]="reserved: training reads lengths from the data"
    [5]="train or import the codec -> exp/codec_<tag>"
    [6]="encode and decode the test sets -> exp/codec_<tag>/resynthesis_<set>"
    [7]="score them -> .../scoring")
stage_groups=([1]=skip_data_prep [2]=skip_data_prep [3]=skip_data_prep [4]=skip_train [5]=skip_train
    [6]=skip_eval [7]=skip_eval)
num_nodes=1 num_procs=1
codec_stage=5   # who makes what, for the messages of the shared stages
help_message="Usage: ${0} --train_set SET --valid_set SET --test_sets 'SET ...' --codec_config YAML [--option value ...]
$(options_help "${BASH_SOURCE[0]}")
$(stages_help)"
. utils/parse_options.sh
[ $# -eq 0 ] || die_with 2 "'$1' is not an option; lists are one quoted string (see --help)"
stages_init

# shellcheck disable=SC1091
. ./path.sh
# shellcheck disable=SC1091
. ./cmd.sh
# shellcheck disable=SC1091
. ./db.sh

settle_options
read -ra tests <<< "${test_sets}"
test_sets=${tests[*]}  # without stray blanks
find_inputs
check_configs
if stage_runs 5 && [ -z "${codec_dir}${codec_config}" ]; then die_with 2 "--codec_config is required for stage 5 (train)"; fi
own_exp=${codec_exp}
use_tokenizer acoustic "${codec_dir:-${codec_config:-none}}"
codec_exp=${own_exp:-${codec_exp}}

if stage_begins 1 "local/data.sh -> data/{${train_set},${valid_set},${test_sets// /,}}"; then
    prepare_data "${train_set}" "${valid_set}" "${tests[@]}"
    stage_ends
fi

if stage_begins 2 "data/<set> -> ${dumpdir}/raw/<set>, ${sample_rate} Hz, mono"; then
    for set in "${train_set}" "${valid_set}" "${tests[@]}"; do format_set "${set}"; done
    stage_ends
fi

if stage_begins 3 "keep ${min_wav_duration} to ${max_wav_duration} s of ${train_set} and ${valid_set}"; then
    for set in "${train_set}" "${valid_set}"; do filter_set "${set}"; done
    stage_ends
fi

if stage_begins 4 "lengths"; then
    log "  training reads them from utt2num_samples of stage 2: nothing to do"
    stage_ends
fi

if stage_begins 5 "the codec -> ${codec_exp}"; then
    if [ -n "${codec_dir}" ]; then import_codec; else train_codec; fi
    stage_ends
fi

if stage_begins 6 "${test_sets} through ${codec_exp}"; then
    for set in "${tests[@]}"; do resynthesize_set "${set}"; done
    stage_ends
fi

if stage_begins 7 "${codec_exp}/resynthesis_<set> against the clean speech"; then
    for set in "${tests[@]}"; do
        need 6 "${codec_exp}/resynthesis_${set}/wav.scp"
        score_set "${set}" "${codec_exp}/resynthesis_${set}" "$(basename "${codec_exp}") resynthesis"
    done
    stage_ends
fi
stages_end
