#!/usr/bin/env bash
# Target speaker extraction from a corpus to a report: the only pipeline of the project.
# A recipe's run.sh names the sets and the configs and calls this; ./tse.sh --help lists all options.

# shellcheck disable=SC2034,SC2154  # the sourced files read some variables, by name too, and set others

set -euo pipefail
command_line=("$@")

# Options
# General
stage=1                # first stage to run: number or name
stop_stage=100         # last stage to run: number or name
skip_data_prep=false   # skip stages 1 to 5
skip_train=false       # skip stages 6 to 8
skip_eval=false        # skip stages 9 to 11
skip_packing=false     # skip stage 12
skip_upload=true       # skip stage 13
force=false            # redo the chosen stages even if nothing has changed
dry_run=false          # print what would be run and touch nothing
nj=                    # jobs of a data stage; none: 32 on a cluster, at most the processors here locally
inference_nj=          # jobs of decoding and scoring; none: as nj
ngpu=0                 # GPUs (of each node) for training; 0 trains on processors
num_nodes=1            # nodes for training (slurm backend)
num_procs=1            # data-parallel training processes when ngpu is 0
num_threads=1          # threads of each training process
gpu_inference=false    # decode on GPUs
python=python3         # the interpreter of every stage
seed=                  # seed of all training; none: the configs'
dumpdir=dump           # formatted data and codes
expdir=exp             # models, outputs, scores
# Sets
train_set=             # training set: data/<train_set> (required)
valid_set=             # development set (required)
test_sets=             # test sets, one quoted string (required)
# Data
local_data_opts=       # options of local/data.sh
fs=16k                 # sample rate of the system: 16k, 8k or in Hz
audio_format=flac      # flac or wav: format of rewritten audio
min_wav_duration=0.1   # shorter training and development rows are dropped (s)
max_wav_duration=20    # longer training and development rows are dropped (s)
speed_perturb_factors= # speeds added to the training set, as "0.9 1.1"
formant_perturb_factors= # voices added to the training set at every speed: factors of the formants, as "0.9 1.1"
validate_opts=         # more options of the validator
# Codec
codec_config=          # YAML of a codec to train, in place of the one that the system's YAML names
codec_args=            # options appended after codec_config
codec_dir=             # likewise a pretrained one: codec folder with manifest.json, FunCodec or BiCodec release folder, archive, hub id
codec_tag=             # suffix of exp/codec_<tag>; none: from its folder or YAML
# System
prerequisite_config=   # further YAMLs to train before the system, besides those that its YAML names: exp/tse_<basename>
tse_config=            # YAML of the system
tse_args=              # options appended after tse_config, these win
tse_tag=               # suffix of exp/tse_<tag>; none: from tse_config and tse_args
tse_exp=               # full name of the system's folder; overrides tse_tag
resume_mismatch=false  # go on training in a folder of other options or data instead of moving it aside
# Decoding
inference_config=      # YAML of decoding
inference_args=        # options appended after inference_config
inference_tag=         # prefix of exp/tse_<tag>/<inference_tag>_<set>; none: from inference_config
inference_model=       # checkpoint in the system's folder; none: the model's own choice
# Scoring
asr=                   # recogniser of the WER metrics, as pocketsphinx; none: as the preset says
score_opts=            # more options of the scorer, as "--preset offline"
front_end_asr=false    # also recognise the test sets with and without the system, by the recogniser of asr
front_end_asr_opts=    # more options of espnet-tse front-end-asr, as "--snr_db 0 --asr whisper:base --model_dir DIR"
report_title=          # title of the report; none: the recipe's name
report_opts=           # more options of the report
# Sharing
licence=               # of the weights, for the model card, as Apache-2.0
hf_repo=               # repository of the Hugging Face hub for stage 13, owner/name
hf_private=false       # make it a private one; a repository that is there stays what it is

. scripts/stage.sh
. scripts/data_stages.sh
. scripts/train_stages.sh
. scripts/score_stages.sh

stage_names=([1]=data [2]=format [3]=validate [4]=codec [5]=token [6]=stats [7]=prerequisite [8]=train
    [9]=decode [10]=score [11]=report [12]=pack [13]=upload)
stage_texts=([1]="local/data.sh -> data/<set>"
    [2]="one sample rate, mono, checked audio -> dump/raw/<set>"
    [3]="TSE-aware validation, then removal of too short and too long rows"
    [4]="train or import the tokenizers -> exp/codec_<tag>"
    [5]="clean speech -> codes -> dump/codes_<tag>/<set>"
    [6]="nothing to do: training reads lengths from utt2num_samples"
    [7]="train what the system builds on"
    [8]="train the system -> exp/tse_<tag>"
    [9]="extract the target speaker -> exp/tse_<tag>/<inference_tag>_<set>"
    [10]="score the mixture, the codec's resynthesis and the estimates -> .../scoring"
    [11]="exp/RESULTS.md and exp/report.html"
    [12]="one archive of the system, with its model card -> exp/tse_<tag>.zip"
    [13]="the archive -> a repository of the Hugging Face hub (--skip_upload false --hf_repo owner/name)")
stage_groups=([1]=skip_data_prep [2]=skip_data_prep [3]=skip_data_prep [4]=skip_data_prep [5]=skip_data_prep
    [6]=skip_train [7]=skip_train [8]=skip_train [9]=skip_eval [10]=skip_eval [11]=skip_eval
    [12]=skip_packing [13]=skip_upload)
codec_stage=4   # who makes what, for the messages of the shared stages
help_message="Usage: ${0} --train_set SET --valid_set SET --test_sets 'SET ...' [--option value ...]
Options (run.sh sets some of them and passes its own arguments on; ./run.sh --help lists what it sets)
$(options_help "${BASH_SOURCE[0]}")
$(presets_help "${command_line[@]}")
$(stages_help)

Options of ESPnet's own tse.sh are read too, each with a line that says what it became: doc/from_espnet.md."
. scripts/espnet_options.sh
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
check_factors speed_perturb_factors formant_perturb_factors

tse_tag=${tse_tag:-$(tag_of "${tse_config:-none}" "${tse_args}")}
tse_exp=${tse_exp:-${expdir}/tse_${tse_tag}}
inference_tag=${inference_tag:-$(tag_of "${inference_config:-decode}" "${inference_args}")}
report_title=${report_title:-$(basename "$(dirname "${PWD}")")}
read -ra tests <<< "${test_sets}"
test_sets=${tests[*]}  # without stray blanks
if stage_runs 8; then need "--tse_config is required for stage 8 (train)" "${tse_config:-(no --tse_config)}"; fi
if stage_runs 13; then check_repository; fi
find_inputs
check_configs

if stage_begins 1 "local/data.sh -> data/{${train_set},${valid_set},${test_sets// /,}}"; then
    prepare_data "${train_set}" "${valid_set}" "${tests[@]}"
    stage_ends
fi

if stage_begins 2 "data/<set> -> ${dumpdir}/raw/<set>, ${sample_rate} Hz, mono"; then
    format_set "${train_set}" "${speed_perturb_factors}" "${formant_perturb_factors}"
    for set in "${valid_set}" "${tests[@]}"; do format_set "${set}"; done
    stage_ends
fi

if stage_begins 3 "check ${dumpdir}/raw/<set>; keep ${min_wav_duration} to ${max_wav_duration} s of train and valid"; then
    validate_sets "${train_set}" "${valid_set}" "${tests[@]}"
    for set in "${train_set}" "${valid_set}"; do filter_set "${set}"; done
    stage_ends
fi

if stage_begins 4 "tokenizers -> ${expdir}/codec_<tag>"; then
    for_tokenizers make_tokenizer
    stage_ends
fi

if stage_begins 5 "clean speech -> ${dumpdir}/codes_<tag>/<set>"; then
    encode_sets
    stage_ends
fi

if stage_begins 6 "lengths"; then
    log "  training reads them from utt2num_samples of stage 2: nothing to do"
    stage_ends
fi

if stage_begins 7 "what the system builds on"; then
    prerequisites=$(prerequisites_of_run)
    [ -n "${prerequisites}" ] || log "  this system builds on no other: nothing to do"
    while IFS= read -r config <&3; do
        if [ -n "${config}" ]; then train_system "${config}" "${expdir}/tse_$(tag_of "${config}" "")"; fi
    done 3<<< "${prerequisites}"
    stage_ends
fi

if stage_begins 8 "${tse_config} -> ${tse_exp}"; then
    split_args opts "${tse_args}"
    train_system "${tse_config}" "${tse_exp}" "${opts[@]}"
    stage_ends
fi

if stage_begins 9 "${tse_exp} -> ${tse_exp}/${inference_tag}_<set>, ${inference_nj} jobs"; then
    for set in "${tests[@]}"; do decode_set "${set}"; done
    stage_ends
fi

if stage_begins 10 "the mixture, the codec's resynthesis and the estimates of ${test_sets}"; then
    acoustic=$(inputs_of tokenizers "${tse_config:--}" | awk -F '\t' '$1 == "acoustic" { print $2 }')
    for set in "${tests[@]}"; do
        need 9 "${tse_exp}/${inference_tag}_${set}/wav.scp"
        mixture_set "${set}"
        score_set "${set}" "${expdir}/mixture/${set}" mixture
        if [ -n "${acoustic}" ] && has_targets "${set}"; then
            use_tokenizer acoustic "${acoustic}"
            resynthesize_set "${set}"
            score_set "${set}" "${codec_exp}/resynthesis_${set}" "$(basename "${codec_exp}") resynthesis"
        fi
        score_set "${set}" "${tse_exp}/${inference_tag}_${set}" "${tse_tag}"
        if "${front_end_asr}"; then recognise_set "${set}"; fi
    done
    stage_ends
fi

if stage_begins 11 "${expdir}/RESULTS.md and ${expdir}/report.html"; then
    write_report
    stage_ends
fi

if stage_begins 12 "${tse_exp} -> ${tse_exp}.zip"; then
    need 8 "${tse_exp}/config.yaml"
    pack_dir=${expdir}/pack_${tse_tag}
    # An archive that is not there any more, or not whole, is packed again.
    if ! cmp -s <(content_hash "${tse_exp}.zip") "${pack_dir}/system.sha256"; then
        "${dry_run}" || rm -f "${pack_dir}/.done.pack"
    fi
    # The card tells what the recipe says of its data, and what was scored.
    pack_opts=(${inference_model:+--checkpoint "${inference_model}"} ${licence:+--licence "${licence}"})
    if [ -e card.md ]; then pack_opts+=(--about card.md); fi
    if [ -e "${expdir}/RESULTS.md" ]; then pack_opts+=(--extra "${expdir}/RESULTS.md"); fi
    mapfile -t weights < <(system_items "${tse_exp}" "${inference_model}")
    if needed keep "${pack_dir}" pack "${weights[@]}" "checkpoint=${inference_model}" "licence=${licence}" \
        @card.md "@${expdir}/RESULTS.md"; then
        run_jobs "${train_cmd}" 0 "${pack_dir}/pack.log" "${python}" -m espnet_tse.bin.pack \
            --model "${tse_exp}" --output "${pack_dir}/system.zip" "${pack_opts[@]}"
        if ! "${dry_run}"; then
            content_hash "${pack_dir}/system.zip" > "${pack_dir}/system.sha256"
            mv "${pack_dir}/system.zip" "${tse_exp}.zip"
        fi
        mark_done "${pack_dir}" pack
    fi
    stage_ends
fi

if stage_begins 13 "${tse_exp}.zip -> ${hf_repo}"; then
    need 12 "${tse_exp}.zip"
    upload_dir=${expdir}/upload_${tse_tag}
    if needed keep "${upload_dir}" upload "@${tse_exp}.zip" "hf_repo=${hf_repo}"; then
        # Here and not on a node of a cluster, which may have no way out.
        private=()
        if "${hf_private}"; then private=(--private); fi
        run_here "${python}" -m espnet_tse.bin.upload "${tse_exp}.zip" --repo "${hf_repo}" "${private[@]}" \
            || die "nothing was uploaded; fix the cause and run the same command again"
        mark_done "${upload_dir}" upload
    fi
    stage_ends
fi
stages_end
