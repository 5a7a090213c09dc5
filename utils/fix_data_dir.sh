#!/usr/bin/env bash
# Sorts the files of a data directory and keeps the utterances that all of them have.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

# The scp files, text and segments always narrow the set, other files (utt2category, ...) if named.
utt_extra_files=
spk_extra_files=
help_message="Usage: fix_data_dir.sh [--utt_extra_files 'utt2category text_spk1'] DIR
Sorts all files (LC_ALL=C), drops duplicate lines, keeps the utterances that utt2spk, every *.scp, text, segments and
the --utt_extra_files have in common; other files are filtered to these. The files as they were go to DIR/.backup.
Exit: 0 done, 1 no common utterance or a key with two values, 2 wrong usage."
. "${data_dir_tools}/parse_options.sh"
[ $# -eq 1 ] || usage_error "one folder is expected"
dir=$1
need_utt2spk "${dir}"
make_scratch

for name in ${utt_extra_files} ${spk_extra_files}; do
    [ -e "${dir}/${name}" ] || die "${dir}/${name} was named as an extra file and is not there"
done
narrowing=(utt2spk)
for name in $(utterance_files "${dir}"); do
    case "${name}" in *.scp | text | segments) narrowing+=("${name}") ;; esac
done
for name in ${utt_extra_files}; do narrowing+=("${name}"); done

sort -u "${dir}/utt2spk" | keys | sort -u > "${scratch}/common"
before=$(wc -l < "${scratch}/common" | tr -d ' ')
for name in $(utterance_files "${dir}"); do
    twice=$(sort -u "${dir}/${name}" | keys | sort | uniq -d | head -n 5 | paste -s -d ' ' -)
    [ -z "${twice}" ] || die "${dir}/${name}: keys with two values: ${twice}; decide by hand which is right"
done
for name in "${narrowing[@]}"; do
    comm -12 "${scratch}/common" <(keys "${dir}/${name}" | sort -u) > "${scratch}/narrower"
    mv "${scratch}/narrower" "${scratch}/common"
done
if [ -e "${dir}/segments" ] && [ -e "${dir}/wav.scp" ]; then
    # An utterance needs its recording.
    awk 'NR == FNR { have[$1] = 1; next } $2 in have { print $1 }' "${dir}/wav.scp" "${dir}/segments" | sort -u \
        | comm -12 "${scratch}/common" - > "${scratch}/narrower"
    mv "${scratch}/narrower" "${scratch}/common"
fi
[ -s "${scratch}/common" ] || die "${dir}: no utterance is in all of: ${narrowing[*]}"

mkdir -p "${dir}/.backup"
for file in "${dir}"/*; do [ ! -f "${file}" ] || cp -p "${file}" "${dir}/.backup/"; done
restrict "${dir}" "${dir}" "${scratch}/common"
after=$(wc -l < "${scratch}/common" | tr -d ' ')
echo "${0##*/}: ${dir}: ${after} of ${before} utterances kept; the old files are in ${dir}/.backup"
