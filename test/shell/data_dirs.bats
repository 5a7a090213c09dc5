bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    PATH="${REPO}/utils:${PATH}"
    cd "${BATS_TEST_TMPDIR}"
    make_data data
}

@test "validate_data_dir.sh: a good folder passes" {
    run -0 validate_data_dir.sh --no-feats --no-text --extra-scp "spk1.scp enroll_spk1.scp" data
    [[ "${output}" == *"successfully validated data: 4 utterances"* ]]
}

@test "validate_data_dir.sh: each fault is told, exit 1" {
    check() {
        run -1 validate_data_dir.sh --no-feats --no-text "$@" data
        [[ "${output}" == *"${expected}"* ]]
    }
    run -1 validate_data_dir.sh --no-feats data
    [[ "${output}" == *"text: missing"* ]]
    expected="spk3.scp: missing" check --extra-scp spk3.scp
    sed -i.bak 1d data/enroll_spk1.scp
    expected="enroll_spk1.scp: other utterances than utt2spk: a-1" check
    echo "a-1 a b" >> data/utt2spk
    expected="utt2spk: expected 2 fields: line 5 (a-1)" check
    make_data data
    sort -r -o data/spk2.scp data/spk2.scp
    expected="spk2.scp: not sorted" check
    make_data data
    echo "a a-1" > data/spk2utt
    expected="spk2utt: does not agree" check
    make_data data
    sed -i.bak 's/$/\r/' data/wav.scp
    expected="wav.scp: carriage returns" check
    make_data data
    printf 'x' >> data/utt2category
    expected="utt2category: no newline at its end" check
    make_data data
    printf 'a-1 y\na-2 x\nb-1 b\nb-2 b\n' > data/utt2spk
    utt2spk_to_spk2utt.pl data/utt2spk > data/spk2utt
    expected="not sorted by speaker" check
    run -0 validate_data_dir.sh --no-feats --no-text --no-spk-sort data
    run -2 validate_data_dir.sh --unknown data
    run -2 validate_data_dir.sh
    run -1 validate_data_dir.sh nowhere
}

@test "validate_data_dir.sh: transcripts and segments" {
    printf 'a-1 caf\xc3\xa9\na-2 b\nb-1 c\nb-2 d\n' > data/text
    run -0 validate_data_dir.sh --no-feats data
    printf 'a-1 caf\xe9\na-2 b\nb-1 c\nb-2 d\n' > data/text
    run -1 validate_data_dir.sh --no-feats data
    [[ "${output}" == *"not UTF-8 or not printable: a-1"* ]]
    run -0 validate_data_dir.sh --no-feats --non-print data
    printf 'a-1 r1 0 1\na-2 r1 1 0.5\nb-1 r2 0 1\nb-2 r2 1 2\n' > data/segments
    echo "r1 /a b/r1.wav" > data/wav.scp
    run -1 validate_data_dir.sh --no-feats --non-print data
    [[ "${output}" == *"recordings that wav.scp lacks: r2"* ]]
    [[ "${output}" == *"ends before it starts: a-2"* ]]
}

@test "fix_data_dir.sh: an utterance without enrollment goes, from every file" {
    sed -i.bak 1d data/enroll_spk1.scp
    rm data/*.bak
    sort -r -o data/spk1.scp data/spk1.scp
    run -0 fix_data_dir.sh data
    [[ "${output}" == *"3 of 4 utterances kept"* ]]
    run -0 validate_data_dir.sh --no-feats --no-text data
    [ "$(cat data/spk2utt)" = $'a a-2\nb b-1 b-2' ]
    [ "$(head -n 1 data/spk2.scp)" = "a-2 /audio files/a-2.wav" ]
    [ "$(wc -l < data/utt2category)" -eq 3 ]
    [ "$(wc -l < data/.backup/wav.scp)" -eq 4 ]
}

@test "fix_data_dir.sh: extra files narrow the set" {
    sed -i.bak 1d data/utt2category
    rm data/*.bak
    run -0 fix_data_dir.sh data
    [ "$(wc -l < data/wav.scp)" -eq 4 ]
    run -0 fix_data_dir.sh --utt_extra_files utt2category data
    [ "$(wc -l < data/wav.scp)" -eq 3 ]
    run -1 fix_data_dir.sh --utt_extra_files utt2nothing data
}

@test "fix_data_dir.sh: two values of a key and nothing in common are errors" {
    echo "a-1 /elsewhere.wav" >> data/spk1.scp
    run -1 fix_data_dir.sh data
    [[ "${output}" == *"spk1.scp: keys with two values: a-1"* ]]
    echo "c-1 /c.wav" > data/spk1.scp
    run -1 fix_data_dir.sh data
    [[ "${output}" == *"no utterance is in all of"* ]]
}

@test "copy_data_dir.sh: every file comes along and is renamed" {
    echo "a f" > data/spk2gender
    echo '{"a": []}' > data/spk2enroll.json
    run -0 copy_data_dir.sh --utt-prefix p- --spk-prefix p- --utt-suffix -x data copy
    [ "$(head -n 1 copy/enroll_spk1.scp)" = "p-$(head -n 1 data/enroll_spk1.scp | sed 's/ /-x /')" ]
    [ "$(cat copy/spk2utt)" = $'p-a p-a-1-x p-a-2-x\np-b p-b-1-x p-b-2-x' ]
    [ "$(cat copy/spk2gender)" = "p-a f" ]
    [ "$(head -n 1 copy/utt2uniq)" = "p-a-1-x a-1" ]
    cmp data/protocol copy/protocol
    cmp data/spk2enroll.json copy/spk2enroll.json
    run -0 validate_data_dir.sh --no-feats --no-text copy
    run -1 copy_data_dir.sh data data
    run -2 copy_data_dir.sh data
}

@test "combine_data.sh: all files are joined; one that a source lacks is an error" {
    copy_data_dir.sh --utt-prefix p- --spk-prefix p- data copy
    run -0 combine_data.sh both data copy
    run -0 validate_data_dir.sh --no-feats --no-text both
    [ "$(wc -l < both/spk2.scp)" -eq 8 ]
    cmp both/protocol data/protocol
    rm copy/spk2.scp
    run -1 combine_data.sh more data copy
    [[ "${output}" == *"spk2.scp is not in: copy"* ]]
    [ ! -e more ]
    run -0 combine_data.sh --strict false more data copy
    [ ! -e more/spk2.scp ]
    run -1 combine_data.sh again data data
    [[ "${output}" == *"in more than one source: a-1"* ]]
}

@test "subset_data_dir.sh: each way of choosing keeps all files" {
    takes() {  # takes KEYS ARGUMENT...
        local keys=$1
        shift
        rm -rf out
        subset_data_dir.sh "$@" out
        [ "$(cut -d ' ' -f 1 out/wav.scp | paste -s -d ' ' -)" = "${keys}" ]
    }
    takes "a-1" --first data 1
    takes "b-2" --last data 1
    takes "b-1 b-2" --shortest data 2
    takes "a-1 a-2" --speakers data 1
    takes "a-1 b-1" --per-spk data 1
    takes "a-2 b-2" data 2
    echo b > speakers
    takes "b-1 b-2" --spk-list speakers data
    echo a-2 > utterances
    takes "a-2" --utt-list utterances data
    for name in spk1.scp spk2.scp enroll_spk1.scp utt2category protocol; do [ -s "out/${name}" ] || false; done
    run -0 validate_data_dir.sh --no-feats --no-text out
    run -1 subset_data_dir.sh --first data 5 out
    [[ "${output}" == *"5 utterances were asked for, data has 4"* ]]
    run -2 subset_data_dir.sh --first data out
}
