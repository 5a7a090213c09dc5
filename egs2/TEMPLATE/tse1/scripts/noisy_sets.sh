#!/usr/bin/env bash
# Further test sets of any recipe: the mixtures of one in noise of MUSAN or DEMAND. Run in the recipe's folder, after stage 1.
set -euo pipefail

set="test"               # its mixtures get noise: data/<set>
corpora="musan demand"   # which noise
snrs_db="0 5 10 15"      # target to noise, dB
seed=0                   # of the choice of noise
force=false              # make sets again that are there
help_message="Usage: scripts/noisy_sets.sh [options]
  --set      its mixtures get noise: data/<set> (default: ${set})
  --corpora  which noise (default: ${corpora})
  --snrs_db  target to noise, dB (default: ${snrs_db})
  --seed     of the choice of noise (default: ${seed})
  --force    true: make sets again that are there (default: ${force})
MUSAN and DEMAND (environment, db.sh or db.local.sh) name the folders that their archives unpack to. Leaves
data/<set>_<corpus>_<snr>db and prints the option that scores them."

# shellcheck source-path=SCRIPTDIR source=data_script.sh
. scripts/data_script.sh
[ -s "data/${set}/wav.scp" ] || missing "data/${set}/wav.scp is not there; run stage 1 (data) first"
read -ra names <<< "${corpora}"
read -ra ratios <<< "${snrs_db}"
# Before the first set is made: all that is missing is told at once.
for corpus in "${names[@]}"; do
    case "${corpus}" in
        musan | demand) ;;
        *) log "Error: --corpora takes musan and demand, not '${corpus}'" >&2; exit 2 ;;
    esac
    variable=${corpus^^}
    need_folder "${variable}" "it names ${corpus}, unpacked"
done
for snr in "${ratios[@]}"; do
    [[ "${snr}" =~ ^-?[0-9]+(\.[0-9]+)?$ ]] \
        || { log "Error: --snrs_db takes ratios in dB with spaces between them, as \"0 5\", not '${snr}'" >&2; exit 2; }
done
made=()
for corpus in "${names[@]}"; do
    variable=${corpus^^}
    for snr in "${ratios[@]}"; do
        new=${set}_${corpus}_${snr/-/minus}db
        made+=("${new}")
        if [ -s "data/${new}/wav.scp" ] && ! "${force}"; then
            log "data/${new} is there (--force true makes it again)"
            continue
        fi
        "${python}" -m espnet_tse.bin.add_noise --data_dir "data/${set}" --corpus "${corpus}" \
            --corpus_dir "${!variable}" --snr_db "${snr}" --seed "${seed}" --output_dir "data/${new}" || exit 4
    done
done
log "now: ./run.sh --test_sets \"${set} ${made[*]}\", with the options of before"
