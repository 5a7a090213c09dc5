#!/usr/bin/env bash
# Copies a data directory, all files of it, giving utterances or speakers a prefix or suffix if asked.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

spk_prefix=   # before speaker names
utt_prefix=   # before utterance names
spk_suffix=   # after speaker names
utt_suffix=   # after utterance names
help_message="Usage: copy_data_dir.sh [--spk-prefix P] [--utt-prefix P] [--spk-suffix S] [--utt-suffix S] SRC DST
Every file with utterances as keys (*.scp, utt2*, text*, segments) is copied and renamed; DST/utt2uniq maps to the old names.
Recordings keep their names, unless they are the utterances (no segments). A DST that is there becomes DST/.backup."
. "${data_dir_tools}/parse_options.sh"
[ $# -eq 2 ] || usage_error "a source and a destination are expected"
src=$1 dst=$2
need_utt2spk "${src}"
make_scratch
new_dir "${dst}" "${src}"

rows_of "${src}" utt2spk > "${scratch}/utt2spk"
awk -v p="${utt_prefix}" -v s="${utt_suffix}" '{ print $1, p $1 s }' "${scratch}/utt2spk" > "${scratch}/utt_map"
awk -v p="${spk_prefix}" -v s="${spk_suffix}" '{ print $2, p $2 s }' "${scratch}/utt2spk" | sort -u > "${scratch}/spk_map"

by_utterance() {
    utterance_files "${src}"
    [ -e "${src}/segments" ] || recording_files "${src}"
}
while IFS= read -r name; do
    rows_of "${src}" "${name}" | apply_map.pl -f 1 "${scratch}/utt_map" | sort > "${new}/${name}" \
        || die "${src}/${name} has utterances that utt2spk lacks; run fix_data_dir.sh ${src}"
done < <(by_utterance)
apply_map.pl -f 2 "${scratch}/spk_map" < "${new}/utt2spk" > "${scratch}/renamed"
cp "${scratch}/renamed" "${new}/utt2spk"
utt2spk_to_spk2utt.pl "${new}/utt2spk" | sort > "${new}/spk2utt"
while IFS= read -r name; do
    rows_of "${src}" "${name}" | apply_map.pl -f 1 --permissive "${scratch}/spk_map" | sort > "${new}/${name}"
done < <(speaker_files "${src}")
if [ -n "${utt_prefix}${utt_suffix}" ] && [ ! -e "${src}/utt2uniq" ]; then
    awk '{ print $2, $1 }' "${scratch}/utt_map" | sort > "${new}/utt2uniq"
fi
if [ -e "${src}/segments" ]; then
    while IFS= read -r name; do
        rows_of "${src}" "${name}" | sort > "${new}/${name}"
    done < <(recording_files "${src}")
fi
while IFS= read -r name; do cp "${src}/${name}" "${new}/${name}"; done < <(other_files "${src}")
total=$(wc -l < "${new}/utt2spk" | tr -d ' ')
publish
echo "${0##*/}: ${src} -> ${dst}: ${total} utterances"
