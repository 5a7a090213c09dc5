#!/usr/bin/env bash
# Checks a data directory; all faults are told. Exit: 0 valid, 1 not, 2 wrong usage.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

help_message="Usage: validate_data_dir.sh [options] DIR
  --no-feats      feats.scp need not be there
  --no-text       text need not be there
  --no-wav        wav.scp need not be there
  --no-spk-sort   utt2spk need not be sorted by speaker as well
  --non-print     text may hold characters that are not printable
  --extra-scp 'spk1.scp enroll_spk1.scp'   files that must have exactly these utterances too
Files of utterances, recordings and speakers that are there (spk2.scp, utt2category, reco2dur ...) are always checked.
Options may stand behind the folder too."

feats=true text=true wav=true spk_sort=true non_print=false extra_scp=''
folders=()
while [ $# -gt 0 ]; do
    case "$1" in
        --no-feats) feats=false; shift ;;
        --no-text) text=false; shift ;;
        --no-wav) wav=false; shift ;;
        --no-spk-sort) spk_sort=false; shift ;;
        --non-print) non_print=true; shift ;;
        --extra-scp=*) extra_scp=${1#*=}; shift ;;
        --extra-scp) [ $# -ge 2 ] || usage_error "--extra-scp needs a value"; extra_scp=$2; shift 2 ;;
        --help | -h) echo "${help_message}"; exit 0 ;;
        --*) usage_error "unknown option $1" ;;
        *) folders+=("$1"); shift ;;
    esac
done
[ ${#folders[@]} -eq 1 ] || usage_error "one folder is expected"
dir=${folders[0]}
need_dir "${dir}"
make_scratch

faults=0
fault() {
    echo "${0##*/}: ${dir}/$1: $2" >&2
    faults=$((faults + 1))
}

# check_form NAME FIELDS [SORTED]: unique keys, sorted unless SORTED is false; FIELDS fields (0: at least two)
check_form() {
    local faulty
    if [ ! -s "${dir}/$1" ]; then fault "$1" "missing or empty"; return 1; fi
    perl -e '
        use strict;
        my ($file, $n, $sorted) = @ARGV;
        open my $in, "<", $file or die "cannot read $file: $!\n";
        my ($last, $line, $unsorted, %seen, @marks, @returns, @bad, @twice);
        while ($line = <$in>) {
            push @marks, "line $." if $line =~ s/^\xEF\xBB\xBF//;
            push @returns, "line $." if $line =~ /\r/;
            my @fields = split " ", $line;
            my $key = @fields ? $fields[0] : "";
            push @bad, "line $. ($key)" if $n ? @fields != $n : @fields < 2;
            $unsorted = 1 if defined $last && $key lt $last;
            push @twice, $key if $seen{$key}++ == 1;
            $last = $key;
            print "no newline at its end\n" if $line !~ /\n\z/;
        }
        my $first = sub { join(", ", @_[0 .. ($#_ < 4 ? $#_ : 4)]) . (@_ > 5 ? " and " . (@_ - 5) . " more" : "") };
        print "byte order mark: ", $first->(@marks), "; fix_data_dir.sh removes it\n" if @marks;
        print "carriage returns: ", $first->(@returns), "; fix_data_dir.sh removes them\n" if @returns;
        print "expected ", $n ? "$n fields" : "a key and a value", ": ", $first->(@bad), "\n" if @bad;
        print "not sorted (LC_ALL=C); fix_data_dir.sh sorts it\n" if $unsorted && $sorted eq "true";
        print "keys occur twice: ", $first->(@twice), "\n" if @twice;' "${dir}/$1" "$2" "${3:-true}" > "${scratch}/faulty" \
        || die "cannot check ${dir}/$1"
    while IFS= read -r faulty; do fault "$1" "${faulty}"; done < "${scratch}/faulty"
}

# same_keys NAME KEYS WHAT FIX: the keys of a list are those of the file KEYS
same_keys() {
    local bad
    bad=$(keys_of "${dir}" "$1" | comm -3 "$2" - | tr -d '\t' | first_few)
    [ -z "${bad}" ] || fault "$1" "$3: ${bad}; $4"
}

if check_form utt2spk 2; then
    rows_of "${dir}" utt2spk > "${scratch}/utt2spk"
    if "${spk_sort}" && ! sort -k 2,2 -s -c "${scratch}/utt2spk" 2> /dev/null; then
        fault utt2spk "not sorted by speaker; make the speaker a prefix of its utterances, or pass --no-spk-sort"
    fi
    if [ ! -s "${dir}/spk2utt" ]; then
        fault spk2utt "missing or empty; fix_data_dir.sh makes it, as utt2spk_to_spk2utt.pl does"
    elif check_form spk2utt 0 "${spk_sort}"; then
        rows_of "${dir}" spk2utt | spk2utt_to_utt2spk.pl 2> /dev/null | sort > "${scratch}/turned" || true
        sort "${scratch}/utt2spk" | cmp -s "${scratch}/turned" - \
            || fault spk2utt "does not agree with utt2spk; fix_data_dir.sh makes it anew"
    fi
else
    : > "${scratch}/utt2spk"
fi
keys < "${scratch}/utt2spk" | sort -u > "${scratch}/utterances"
awk '{ print $2 }' "${scratch}/utt2spk" | sort -u > "${scratch}/speakers"
# Without segments a recording is an utterance.
recordings=utterances named_by=utt2spk
if [ -s "${dir}/segments" ]; then
    recordings=recordings named_by=segments
    rows_of "${dir}" segments | awk '{ print $2 }' | sort -u > "${scratch}/recordings"
fi

common="fix_data_dir.sh takes the common ones"
while IFS= read -r name; do
    case "${name}" in
        utt2spk) continue ;;
        segments) wanted=4 ;;
        *) wanted=0 ;;
    esac
    if check_form "${name}" "${wanted}"; then
        same_keys "${name}" "${scratch}/utterances" "other utterances than utt2spk" "${common}"
    fi
done < <(utterance_files "${dir}")
while IFS= read -r name; do
    if check_form "${name}" 0; then
        same_keys "${name}" "${scratch}/${recordings}" "other recordings than ${named_by}" "${common}"
    fi
done < <(recording_files "${dir}")
while IFS= read -r name; do
    if check_form "${name}" 0; then
        same_keys "${name}" "${scratch}/speakers" "other speakers than utt2spk" \
            "fix_data_dir.sh removes those without utterances; add those that lack, or remove the file"
    fi
done < <(speaker_files "${dir}")
if "${wav}" && [ ! -e "${dir}/wav.scp" ]; then fault wav.scp "missing; --no-wav allows it"; fi
if "${feats}" && [ ! -e "${dir}/feats.scp" ]; then fault feats.scp "missing; --no-feats allows it"; fi
if "${text}" && [ ! -e "${dir}/text" ]; then fault text "missing; --no-text allows it"; fi
for name in ${extra_scp}; do [ -e "${dir}/${name}" ] || fault "${name}" "missing"; done
if [ -e "${dir}/segments" ]; then
    bad=$(rows_of "${dir}" segments | awk 'NF == 4 && !($3 >= 0 && ($4 > $3 || $4 == -1)) { print $1 }' | first_few)
    [ -z "${bad}" ] || fault segments "ends before it starts: ${bad}"
fi
if [ -e "${dir}/text" ] && ! "${non_print}"; then
    bad=$(rows_of "${dir}" text | perl -ne 'use strict; use Encode; my $t = eval { decode("UTF-8", $_, 1) };
        if (!defined $t || $t =~ /[^\n\t[:print:]]/) { my ($k) = split; print "$k\n" }' | first_few)
    [ -z "${bad}" ] || fault text "not UTF-8 or not printable: ${bad}; --non-print allows it"
fi

if [ "${faults}" -gt 0 ]; then
    echo "${0##*/}: ${dir} has ${faults} faults" >&2
    exit 1
fi
echo "${0##*/}: successfully validated ${dir}: $(wc -l < "${scratch}/utterances" | tr -d ' ') utterances"
