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
Files of the utterances that are there (spk2.scp, utt2category, ...) are always checked."

feats=true text=true wav=true spk_sort=true non_print=false extra_scp=
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
        *) break ;;
    esac
done
[ $# -eq 1 ] || usage_error "one folder is expected"
dir=$1
need_dir "${dir}"
make_scratch

faults=0
fault() {
    echo "${0##*/}: ${dir}/$1: $2" >&2
    faults=$((faults + 1))
}

check_form() {  # check_form NAME FIELDS: sorted, unique keys; FIELDS fields (0: at least two)
    local faulty
    if [ ! -s "${dir}/$1" ]; then fault "$1" "missing or empty"; return 1; fi
    while IFS= read -r faulty; do fault "$1" "${faulty}"; done < <(perl -e '
        use strict;
        my ($file, $n) = @ARGV;
        open my $in, "<", $file or die "cannot read $file: $!\n";
        my ($cr, $last, $line, $unsorted, %seen, @bad, @twice);
        while ($line = <$in>) {
            $cr = 1 if $line =~ /\r/;
            my @fields = split " ", $line;
            my $key = @fields ? $fields[0] : "";
            push @bad, "line $. ($key)" if $n ? @fields != $n : @fields < 2;
            $unsorted = 1 if defined $last && $key lt $last;
            push @twice, $key if $seen{$key}++ == 1;
            $last = $key;
            print "no newline at its end\n" if $line !~ /\n\z/;
        }
        my $first = sub { join " ", @_[0 .. ($#_ < 4 ? $#_ : 4)] };
        print "carriage returns; use newlines only\n" if $cr;
        print "expected ", $n ? "$n fields" : "a key and a value", ": ", $first->(@bad), "\n" if @bad;
        print "not sorted (LC_ALL=C); fix_data_dir.sh sorts it\n" if $unsorted;
        print "keys occur twice: ", $first->(@twice), "\n" if @twice;' "${dir}/$1" "$2")
}

same_keys() {  # same_keys NAME: its keys are the utterances
    local bad
    bad=$(comm -3 "${scratch}/utterances" <(keys "${dir}/$1" | sort -u) | head -n 5 | paste -s -d ' ' - | tr -d '\t')
    [ -z "${bad}" ] || fault "$1" "other utterances than utt2spk: ${bad}; fix_data_dir.sh takes the common ones"
}

if check_form utt2spk 2; then
    keys "${dir}/utt2spk" | sort -u > "${scratch}/utterances"
    if "${spk_sort}" && ! sort -k 2,2 -s -c "${dir}/utt2spk" 2> /dev/null; then
        fault utt2spk "not sorted by speaker; make the speaker a prefix of its utterances, or pass --no-spk-sort"
    fi
    if [ ! -s "${dir}/spk2utt" ]; then
        fault spk2utt "missing or empty; utt2spk_to_spk2utt.pl makes it"
    elif ! spk2utt_to_utt2spk.pl "${dir}/spk2utt" 2> /dev/null | sort | cmp -s - <(sort "${dir}/utt2spk"); then
        fault spk2utt "does not agree with utt2spk"
    fi
else
    : > "${scratch}/utterances"
fi

for name in $(utterance_files "${dir}"); do
    case "${name}" in
        utt2spk) ;;
        segments) check_form segments 4 && same_keys segments ;;
        *) check_form "${name}" 0 && same_keys "${name}" ;;
    esac || true
done
if "${wav}" && [ ! -e "${dir}/wav.scp" ]; then fault wav.scp "missing; --no-wav allows it"; fi
if "${feats}" && [ ! -e "${dir}/feats.scp" ]; then fault feats.scp "missing; --no-feats allows it"; fi
if "${text}" && [ ! -e "${dir}/text" ]; then fault text "missing; --no-text allows it"; fi
for name in ${extra_scp}; do [ -e "${dir}/${name}" ] || fault "${name}" "missing"; done
if [ -e "${dir}/segments" ]; then
    if [ -e "${dir}/wav.scp" ] && check_form wav.scp 0; then
        bad=$(comm -23 <(awk '{ print $2 }' "${dir}/segments" | sort -u) <(keys "${dir}/wav.scp" | sort -u) | head -n 5 | paste -s -d ' ' -)
        [ -z "${bad}" ] || fault segments "recordings that wav.scp lacks: ${bad}"
    fi
    bad=$(awk 'NF == 4 && !($3 >= 0 && ($4 > $3 || $4 == -1)) { print $1 }' "${dir}/segments" | head -n 5 | paste -s -d ' ' -)
    [ -z "${bad}" ] || fault segments "ends before it starts: ${bad}"
fi
if [ -e "${dir}/text" ] && ! "${non_print}"; then
    bad=$(perl -ne 'use strict; use Encode; my $t = eval { decode("UTF-8", $_, 1) };
        if (!defined $t || $t =~ /[^\n\t[:print:]]/) { my ($k) = split; print "$k\n" }' "${dir}/text" | head -n 5 | paste -s -d ' ' -)
    [ -z "${bad}" ] || fault text "not UTF-8 or not printable: ${bad}; --non-print allows it"
fi

if [ "${faults}" -gt 0 ]; then
    echo "${0##*/}: ${dir} has ${faults} faults" >&2
    exit 1
fi
echo "${0##*/}: successfully validated ${dir}: $(wc -l < "${scratch}/utterances" | tr -d ' ') utterances"
