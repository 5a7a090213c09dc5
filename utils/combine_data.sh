#!/usr/bin/env bash
# Joins data directories of different utterances into one.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

extra_files=      # further files to join
skip_fix=false    # do not run fix_data_dir.sh on the result
strict=true       # a file that only some sources have is an error; false: it is left out, saying so
help_message="Usage: combine_data.sh [--extra-files 'F ...'] [--skip-fix true] [--strict false] DST SRC ...
Joins every file with utterances as keys (*.scp, utt2*, text*, segments). --strict false leaves a file out that only some
of the sources have; with --strict true (default) it is an error. An utterance in two sources is an error."
. "${data_dir_tools}/parse_options.sh"
[ $# -ge 2 ] || usage_error "a destination and at least one source are expected"
dst=$1
shift
make_scratch
for src in "$@"; do
    need_utt2spk "${src}"
    [ ! "${src}" -ef "${dst}" ] || die "${src} is the destination"
    utterance_files "${src}"
    if [ -e "${src}/segments" ] && [ -e "${src}/wav.scp" ]; then echo wav.scp; fi
    for name in "${src}"/reco2* "${src}"/spk2gender; do [ ! -e "${name}" ] || echo "${name##*/}"; done
done | sort -u > "${scratch}/names"
for name in ${extra_files}; do echo "${name}"; done >> "${scratch}/names"
sort -u -o "${scratch}/names" "${scratch}/names"
twice=$(for src in "$@"; do keys "${src}/utt2spk" | sort -u; done | sort | uniq -d | head -n 5 | paste -s -d ' ' -)
[ -z "${twice}" ] || die "utterances are in more than one source: ${twice}; rename them by copy_data_dir.sh --utt-prefix"

faults=0
while read -r name; do
    lacking=
    # A source whose utterances were never renamed needs no utt2uniq: there each stands for itself.
    for src in "$@"; do [ -e "${src}/${name}" ] || [ "${name}" = utt2uniq ] || lacking+=" ${src}"; done
    if [ -n "${lacking}" ] && "${strict}"; then
        echo "${0##*/}: ${name} is not in:${lacking}" >&2
        faults=$((faults + 1))
    elif [ -n "${lacking}" ]; then
        echo "${0##*/}: ${name} is left out, it is not in:${lacking}"
    else
        echo "${name}" >> "${scratch}/joined"
    fi
done < "${scratch}/names"
[ "${faults}" -eq 0 ] || die "nothing was written; add the files, or pass --strict false to leave them out"

mkdir -p "${dst}"
while read -r name; do
    for src in "$@"; do
        if [ -e "${src}/${name}" ]; then cat "${src}/${name}"; else keys "${src}/utt2spk" | sed 's/\(.*\)/\1 \1/'; fi
    done | sort -u > "${scratch}/rows"
    put "${dst}/${name}"
done < "${scratch}/joined"
utt2spk_to_spk2utt.pl "${dst}/utt2spk" | sort > "${scratch}/rows"
put "${dst}/spk2utt"
# What describes a whole list (protocol, mixing.yaml) holds for the joined one if all sources agree.
for name in $(other_files "$1"); do
    for src in "$@"; do cmp -s "$1/${name}" "${src}/${name}" || continue 2; done
    cp "$1/${name}" "${dst}/${name}"
done
"${skip_fix}" || "${data_dir_tools}/fix_data_dir.sh" "${dst}"
echo "${0##*/}: ${dst}: $(wc -l < "${dst}/utt2spk" | tr -d ' ') utterances of $# sources"
