bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    PATH="${REPO}/utils:${PATH}"
    cd "${BATS_TEST_TMPDIR}"
    for i in 01 02 03 04 05 06 07 08 09 10; do echo "u${i} /a b/${i}.wav"; done > list
}

@test "split_scp.pl: parts differ by one line at most and keep the order" {
    split_scp.pl list one two three
    [ "$(wc -l < one)-$(wc -l < two)-$(wc -l < three)" = "4-3-3" ]
    cat one two three | cmp - list
}

@test "split_scp.pl -j: one part, counted from 0 or from 1" {
    run -0 split_scp.pl -j 5 1 list
    [ "${output}" = $'u03 /a b/03.wav\nu04 /a b/04.wav' ]
    split_scp.pl -j 5 5 --one-based list last
    [ "$(head -n 1 last)" = "u09 /a b/09.wav" ]
    run -1 split_scp.pl -j 5 5 list
    [[ "${output}" == *"part 5 of 5 does not exist"* ]]
}

@test "split_scp.pl: too many parts, an empty list and bad usage are errors" {
    run -1 split_scp.pl -j 11 0 list
    [[ "${output}" == *"has 10 lines, too few for 11 parts"* ]]
    : > empty
    run -1 split_scp.pl empty one
    [[ "${output}" == *"'empty' is empty"* ]]
    run -2 split_scp.pl list
    run -2 split_scp.pl --unknown list one
}

@test "split_scp.pl --utt2spk: no speaker is torn" {
    awk '{ print $1, NR <= 5 ? "a" : NR <= 8 ? "b" : "c" }' list > utt2spk
    split_scp.pl --utt2spk=utt2spk list one two
    [ "$(wc -l < one)-$(wc -l < two)" = "5-5" ]
    run -1 split_scp.pl --utt2spk=utt2spk list one two three four
    [[ "${output}" == *"3 speakers, too few for 4 parts"* ]]
    echo "u99 x" >> list
    run -1 split_scp.pl --utt2spk=utt2spk list one two
    [[ "${output}" == *"'u99' is not in utt2spk"* ]]
}

@test "filter_scp.pl: keeps or leaves out, lines as they are" {
    printf 'u02 anything\nu09\n' > ids
    run -0 filter_scp.pl ids list
    [ "${output}" = $'u02 /a b/02.wav\nu09 /a b/09.wav' ]
    [ "$(filter_scp.pl --exclude ids < list | wc -l)" -eq 8 ]
    echo spk2 > speakers
    run -0 filter_scp.pl -f 2 speakers <(printf 'a spk1\nb spk2\n')
    [ "${output}" = "b spk2" ]
    run -1 filter_scp.pl -f 3 speakers <(printf 'a spk1\n')
    [[ "${output}" == *"has no field 3"* ]]
    run -1 filter_scp.pl missing list
    run -2 filter_scp.pl
}

@test "apply_map.pl: paths with spaces survive" {
    printf 'u1 new1\nu2 new 2\n' > map
    run -0 apply_map.pl -f 1 map <<< $'u1 /a  b/x y.wav\nu2\t/c'
    [ "${output}" = $'new1 /a  b/x y.wav\nnew 2\t/c' ]
    run -1 apply_map.pl map <<< "u1 other"
    [[ "${output}" == *"'other' (field 2 of line 1"* ]]
    run -0 apply_map.pl --permissive map <<< "u1 other u1"
    [ "${output}" = "new1 other new1" ]
    run -0 apply_map.pl -f 2-3 map <<< "u1 u1 u1 u1"
    [ "${output}" = "u1 new1 new1 u1" ]
    run -2 apply_map.pl -f 3-2 map <<< "u1"
}

@test "utt2spk and spk2utt turn into each other" {
    printf 'a-1 a\na-2 a\nb-1 b\n' > utt2spk
    run -0 utt2spk_to_spk2utt.pl utt2spk
    [ "${output}" = $'a a-1 a-2\nb b-1' ]
    utt2spk_to_spk2utt.pl < utt2spk | spk2utt_to_utt2spk.pl | cmp - utt2spk
    run -1 utt2spk_to_spk2utt.pl <<< "a b c"
    [[ "${output}" == *"line 1 has not two fields"* ]]
    run -1 spk2utt_to_utt2spk.pl <<< "a"
    [[ "${output}" == *"names no utterance"* ]]
    run -1 utt2spk_to_spk2utt.pl <<< $'u a\nu b'
    [[ "${output}" == *"utterance 'u' twice"* ]]
}

@test "shuffle_list.pl: all lines, one order for one seed" {
    shuffle_list.pl --srand 3 list > one
    shuffle_list.pl --srand 3 < list | cmp - one
    run ! cmp -s one list
    sort one | cmp - list
    shuffle_list.pl --srand 4 list > other
    run ! cmp -s other one
}

@test "print_args.sh: a shell reads the words back" {
    words=("a b" "it's" '$HOME' '')
    eval "back=($(print_args.sh "${words[@]}"))"
    [ "${#back[@]}" -eq 4 ]
    [ "${back[*]}" = "${words[*]}" ]
}
