#!/usr/bin/env bash
# Sorts the files of a data directory and keeps the utterances that all of them have.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

utt_extra_files=  # lists that must be there; all lists that are there narrow the set
spk_extra_files=  # the same, of speakers
help_message="Usage: fix_data_dir.sh [--utt_extra_files 'utt2category text_spk1'] DIR
Keeps the utterances that utt2spk and every other list (*.scp, utt2*, text*, segments, and by their recordings reco2*) have
in common, as validate_data_dir.sh wants them: sorted (LC_ALL=C), lines 'key value' once each, without byte order marks,
carriage returns and tabs behind the key. The files as they were go to DIR/.backup.
Exit: 0 done, 1 no common utterance or a key with two values, 2 wrong usage."
. "${data_dir_tools}/parse_options.sh"
[ $# -eq 1 ] || usage_error "one folder is expected"
dir=$1
need_utt2spk "${dir}"
make_scratch

for name in ${utt_extra_files} ${spk_extra_files}; do
    [ -e "${dir}/${name}" ] || die "${dir}/${name} was named as an extra file and is not there"
done
before=$(keys_of "${dir}" utt2spk | wc -l | tr -d ' ')
common_utterances "${dir}"
after=$(wc -l < "${scratch}/common" | tr -d ' ')
new=$(mktemp -d "${dir}/.fixed.XXXXXX.tmp") || die "cannot make a folder in ${dir}"
to_remove+=("${new}")
restrict "${dir}" "${new}" "${scratch}/common"
mkdir -p "${dir}/.backup"
for file in "${dir}"/*; do [ ! -f "${file}" ] || cp -p "${file}" "${dir}/.backup/"; done
mv -f "${new}"/* "${dir}/"
echo "${0##*/}: ${dir}: ${after} of ${before} utterances kept; the old files are in ${dir}/.backup"
