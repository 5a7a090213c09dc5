#!/usr/bin/env bash
# Sourced by the *_data_dir.sh scripts: what the files of a data directory are keyed by, and how a new one takes the
# place of an old one.
export LC_ALL=C

unset CDPATH  # in its folders cd would look first, and it would print where it goes
data_dir_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export PATH="${data_dir_tools}:${PATH}"

die() { echo "${0##*/}: $*" >&2; exit 1; }
usage_error() { echo "${0##*/}: $* (see ${0##*/} --help)" >&2; exit 2; }

# Names of the files of $1 whose lines begin with an utterance. With segments, wav.scp is keyed by recordings.
utterance_files() {
    local file name
    for file in "$1"/*; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        case "${name}" in
            wav.scp) [ -e "$1/segments" ] || echo "${name}" ;;
            cmvn.scp | reco2*) ;;
            *.scp | utt2* | text | text_* | segments) echo "${name}" ;;
        esac
    done
}

# Names of the files whose lines begin with a recording, which without segments is an utterance.
recording_files() {
    local file
    if [ -e "$1/segments" ] && [ -f "$1/wav.scp" ]; then echo wav.scp; fi
    for file in "$1"/reco2*; do [ ! -f "${file}" ] || echo "${file##*/}"; done
}

# Names of the files keyed by speakers, spk2utt excepted (spk2.scp lists what the second speaker says).
speaker_files() {
    local file name
    for file in "$1"/spk2* "$1/cmvn.scp"; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        case "${name}" in
            spk2utt | spk2*.json | spk2*.scp) ;;
            *) echo "${name}" ;;
        esac
    done
}

# Names of the remaining files: protocol, mixing.yaml and whatever else a corpus keeps there.
other_files() {
    local file name lists
    lists=$(utterance_files "$1"; recording_files "$1"; speaker_files "$1"; echo spk2utt)
    for file in "$1"/*; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        grep -qxF -- "${name}" <<< "${lists}" || echo "${name}"
    done
}

# Lists of any make as lines 'key value': no byte order mark, no carriage return, one space behind the key, none at
# either end, no empty line. The value keeps its own spaces, as paths have them.
rows() { perl -ne 's/^\xEF\xBB\xBF//; s/^\s+|\s+$//g; s/^(\S+)\s+/$1 /; print "$_\n" if length'; }

# The same of a list whose values are words.
fields() { rows | tr -s '\t ' ' '; }

rows_of() {  # rows_of DIR NAME
    case "$2" in
        utt2spk | segments) fields < "$1/$2" ;;
        *) rows < "$1/$2" ;;
    esac
}

keys() { awk '{ print $1 }'; }
keys_of() { rows_of "$1" "$2" | keys | sort -u; }  # keys_of DIR NAME

# Up to five lines of stdin as one. Reads to the end: a writer whose reader has left dies of SIGPIPE, which
# 'pipefail' makes a failure of the whole line, at some moments and not at others.
first_few() { awk 'NR <= 5' | paste -s -d ' ' -; }

# Whole lines of stdin in order, once each; fails if a key has two values. $1: what to call the list.
one_value_a_key() {
    sort -u | awk -v script="${0##*/}" -v list="$1" '
        $1 == key && !seen[$1]++ && ++number <= 5 { twice = twice " " $1 }
        { key = $1; print }
        END {
            if (!number) exit 0
            print script ": " list ": keys with two values:" twice "; decide by hand which is right" > "/dev/stderr"
            exit 1
        }'
}

# A folder for temporary files goes with the script, as all in ${to_remove}; TMPDIR is honoured.
make_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/data_dir.XXXXXX") || die "cannot make a temporary folder in ${TMPDIR:-/tmp}"
    to_remove=("${scratch}")
    trap 'rm -rf "${to_remove[@]}"' EXIT
}

need_dir() { [ -d "$1" ] || die "$1 is not a folder"; }
need_utt2spk() {
    need_dir "$1"
    [ -s "$1/utt2spk" ] || die "$1/utt2spk is missing or empty"
}

# new_dir DST SRC...: sets ${new}, an empty folder on the disk of DST that 'publish' puts in its place.
new_dir() {
    local src
    # What may be replaced is a data directory, not somebody's home that was named by mistake.
    if [ -e "$1" ] && [ ! -d "$1" ]; then die "$1 is a file; name a folder"; fi
    if [ -d "$1" ] && [ ! -e "$1/utt2spk" ] && [ -n "$(ls -A "$1")" ]; then
        die "$1 is there and is no data directory (it has no utt2spk); name another folder, or remove it"
    fi
    mkdir -p "$(dirname "$1")"
    if [ -d "$1" ]; then
        dst_place=$(cd "$1" && pwd -P)
    else
        dst_place=$(cd "$(dirname "$1")" && pwd -P)/$(basename "$1")
    fi
    dst_typed=${1%/} && shift
    for src in "$@"; do
        [[ "$(cd "${src}" && pwd -P)/" != "${dst_place}/"* ]] || die "${src} is the destination or in it; name another folder"
    done
    new=$(mktemp -d "${dst_place%/*}/.${dst_place##*/}.XXXXXX.tmp") || die "cannot make a folder beside ${dst_typed}"
    chmod "$(umask -S)" "${new}"
    to_remove+=("${new}")
}

# Puts ${new} in the place of the destination. What was there is the .backup of the new one, so no old list is taken
# for a part of it.
publish() {
    local naming
    naming=$(grep -lF -e " ${dst_typed}/" -e " ${dst_place}/" -- "${new}"/*.scp 2> /dev/null || true)
    if [ -d "${dst_place}" ] && [ -n "${naming}" ]; then
        die "the new $(basename "${naming%%$'\n'*}") names files in ${dst_typed}, which would move to its .backup; name another folder"
    fi
    # From here on ${new} is not removed: between two renames it holds the old files.
    trap '' HUP INT TERM
    to_remove=("${scratch}")
    if [ -d "${dst_place}" ]; then
        rm -rf "${dst_place}/.backup"
        mv "${dst_place}" "${new}/.backup"
        mv "${new}" "${dst_place}" || { mv "${new}/.backup" "${dst_place}"; die "cannot write ${dst_place}"; }
        rmdir "${dst_place}/.backup" 2> /dev/null \
            || echo "${0##*/}: the earlier files are in ${dst_place}/.backup"
    else
        mv "${new}" "${dst_place}"
    fi
    trap - HUP INT TERM
}

# common_utterances DIR [CALLED]: those that utt2spk and every other list know, directly or by their recording.
common_utterances() {
    local dir=$1 called=${2:-$1} name
    keys_of "${dir}" utt2spk > "${scratch}/common"
    while IFS= read -r name; do
        keys_of "${dir}" "${name}" > "${scratch}/keys"
        narrow_common "${called}" "${name}"
    done < <(utterance_files "${dir}")
    while IFS= read -r name; do
        keys_of "${dir}" "${name}" > "${scratch}/recordings"
        utterances_with_recordings "${dir}" "${scratch}/recordings" > "${scratch}/keys"
        narrow_common "${called}" "${name}"
    done < <(recording_files "${dir}")
}

narrow_common() {  # narrow_common CALLED NAME: to ${scratch}/keys, saying what goes
    local lost
    comm -12 "${scratch}/common" "${scratch}/keys" > "${scratch}/narrower"
    lost=$(comm -23 "${scratch}/common" "${scratch}/narrower")
    if [ -n "${lost}" ]; then
        echo "${0##*/}: $1/$2 lacks $(wc -l <<< "${lost}" | tr -d ' ') utterances: $(first_few <<< "${lost}")" >&2
    fi
    [ -s "${scratch}/narrower" ] || die "$1: no utterance is in all lists; the last of them went with $2, remove or repair it"
    mv "${scratch}/narrower" "${scratch}/common"
}

utterances_with_recordings() {  # utterances_with_recordings DIR RECORDINGS
    if [ -e "$1/segments" ]; then
        rows_of "$1" segments | filter_scp.pl -f 2 "$2" | keys | sort -u
    else
        cat "$2"
    fi
}

# restrict SRC NEW UTTERANCES: writes what belongs to these utterances of SRC to the empty folder NEW.
restrict() {
    local src=$1 new=$2 utterances=$3 name
    while IFS= read -r name; do
        rows_of "${src}" "${name}" | filter_scp.pl "${utterances}" | one_value_a_key "${src}/${name}" > "${new}/${name}"
    done < <(utterance_files "${src}")
    utt2spk_to_spk2utt.pl "${new}/utt2spk" | sort > "${new}/spk2utt"
    while IFS= read -r name; do
        rows_of "${src}" "${name}" | filter_scp.pl "${new}/spk2utt" | one_value_a_key "${src}/${name}" > "${new}/${name}"
    done < <(speaker_files "${src}")
    if [ -e "${new}/segments" ]; then
        awk '{ print $2 }' "${new}/segments" | sort -u > "${scratch}/recordings"
    else
        keys < "${new}/utt2spk" > "${scratch}/recordings"
    fi
    while IFS= read -r name; do
        rows_of "${src}" "${name}" | filter_scp.pl "${scratch}/recordings" | one_value_a_key "${src}/${name}" > "${new}/${name}"
    done < <(recording_files "${src}")
    while IFS= read -r name; do cp "${src}/${name}" "${new}/${name}"; done < <(other_files "${src}")
}
