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
    expected="wav.scp: carriage returns: line 1, line 2, line 3, line 4; fix_data_dir.sh removes them" check
    make_data data
    printf '\xef\xbb\xbf' | cat - data/spk1.scp > marked && mv marked data/spk1.scp
    expected="spk1.scp: byte order mark: line 1; fix_data_dir.sh removes it" check
    [[ "${output}" == *"data has 1 faults"* ]]
    make_data data
    printf 'a 1\nb 2\nc 3\n' > data/spk2age
    expected="spk2age: other speakers than utt2spk: c; fix_data_dir.sh removes those without utterances" check
    rm data/spk2age
    printf 'a-1 3\na-2 3\nb-1 3\n' > data/reco2dur
    expected="reco2dur: other recordings than utt2spk: b-2; fix_data_dir.sh takes the common ones" check
    rm data/reco2dur
    make_data data
    printf 'x' >> data/utt2category
    expected="utt2category: no newline at its end" check
    make_data data
    printf 'a-1 y\na-2 x\nb-1 b\nb-2 b\n' > data/utt2spk
    utt2spk_to_spk2utt.pl data/utt2spk > data/spk2utt
    expected="not sorted by speaker" check
    run -0 validate_data_dir.sh --no-feats --no-text --no-spk-sort data
    run -0 validate_data_dir.sh data --no-feats --no-text --no-spk-sort
    run -0 validate_data_dir.sh --no-text data --no-spk-sort --extra-scp spk1.scp --no-feats
    run -2 validate_data_dir.sh data data --no-feats
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
    [[ "${output}" == *"wav.scp: other recordings than segments: r2"* ]]
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

@test "fix_data_dir.sh mends what validate_data_dir.sh refers to it" {
    mends() {  # mends UTTERANCES: of the faulty folder 'data'
        run -1 validate_data_dir.sh --no-feats --no-text data
        [[ "${output}" == *"fix_data_dir.sh"* ]]
        run -0 fix_data_dir.sh data
        run -0 validate_data_dir.sh --no-feats --no-text data || { echo "${output}"; false; }
        [ "$(keys wav.scp)" = "$1" ]
        rm -rf data
        make_data data
    }
    keys() { cut -d ' ' -f 1 "data/$1" | paste -s -d ' ' -; }
    for name in utt2dur utt2lang utt2category text_spk1 noise1.scp; do
        printf 'a-1 1\na-2 1\nb-2 1\n' > "data/${name}"
        mends "a-1 a-2 b-2"
    done
    printf 'a-1 1\nb-2 1\n' > data/reco2dur
    mends "a-1 b-2"
    printf '\xef\xbb\xbfa-1 a\r\na-2 a\r\nb-1 b\r\nb-2 b\r\n' > data/utt2spk
    mends "a-1 a-2 b-1 b-2"
    for name in wav.scp spk1.scp utt2num_samples; do
        sed -i.bak 's/$/\r/' "data/${name}" && rm "data/${name}.bak"
        printf '\xef\xbb\xbf' | cat - "data/${name}" > marked && mv marked "data/${name}"
        mends "a-1 a-2 b-1 b-2"
    done
    printf 'a m\nb f\nc f\n' > data/spk2gender
    mends "a-1 a-2 b-1 b-2"
    sort -r -o data/utt2num_samples data/utt2num_samples
    mends "a-1 a-2 b-1 b-2"
    rm data/spk2utt
    mends "a-1 a-2 b-1 b-2"
    # Three utterances of two recordings, one of which has no audio, another no duration.
    printf 'a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-2 r3 1 2\n' > data/segments
    printf 'r1 /r1.wav\nr3 /r3.wav\nr4 /r4.wav\n' > data/wav.scp
    printf 'r1 2\nr2 2\n' > data/reco2dur
    run -1 validate_data_dir.sh --no-feats --no-text data
    run -0 fix_data_dir.sh data
    [[ "${output}" == *"data/wav.scp lacks 1 utterances: b-1"*"data/reco2dur lacks 1 utterances: b-2"* ]]
    run -0 validate_data_dir.sh --no-feats --no-text data
    [ "$(keys segments):$(keys wav.scp):$(keys reco2dur)" = "a-1 a-2:r1:r1" ]
}

@test "lists with tabs are valid, and fix_data_dir.sh writes spaces; values keep theirs" {
    for name in utt2spk spk1.scp utt2num_samples; do sed -i.bak 's/ /\t/' "data/${name}"; done
    rm data/*.bak
    run -0 validate_data_dir.sh --no-feats --no-text data
    run -0 fix_data_dir.sh data
    run ! grep -q $'\t' data/utt2spk data/spk1.scp data/utt2num_samples
    grep -qx 'a-1 /audio files/a-1.wav' data/spk1.scp
    run -0 validate_data_dir.sh --no-feats --no-text data
}

@test "fix_data_dir.sh: a file named as extra has to be there" {
    run -0 fix_data_dir.sh --utt_extra_files utt2category data
    run -1 fix_data_dir.sh --utt_extra_files utt2nothing data
    [[ "${output}" == *"data/utt2nothing was named as an extra file and is not there"* ]]
}

@test "a failure leaves source and destination as they were, and no temporary folder" {
    copy_data_dir.sh data dst
    echo "a-1 /elsewhere.wav" >> data/spk1.scp
    echo "c-9 /nobody.wav" >> data/spk2.scp
    mkdir part
    cp data/* part/
    state() { find . -mindepth 1 | sort; cat data/* dst/*; }
    before=$(state)
    run -1 fix_data_dir.sh data
    [ "$(state)" = "${before}" ]
    run -1 copy_data_dir.sh data dst
    [[ "${output}" == *"data/spk2.scp has utterances that utt2spk lacks; run fix_data_dir.sh data"* ]]
    [ "$(state)" = "${before}" ]
    run -1 subset_data_dir.sh --first data 3 dst
    [[ "${output}" == *"data/spk1.scp: keys with two values: a-1"* ]]
    [ "$(state)" = "${before}" ]
    run -1 combine_data.sh dst data part
    [ "$(state)" = "${before}" ]
    run -1 combine_data.sh dst data
    [[ "${output}" == *"spk1.scp of all sources: keys with two values: a-1"* ]]
    [ "$(state)" = "${before}" ]
    # Nothing but a data directory is replaced.
    mkdir home
    touch home/letters
    run -1 copy_data_dir.sh dst home
    [[ "${output}" == *"home is there and is no data directory (it has no utt2spk)"* ]]
    [ "$(ls home)" = letters ]
    # Neither what is read nor what it names may go with the old destination.
    copy_data_dir.sh dst dst/small
    for src in dst dst/small; do
        run -1 copy_data_dir.sh "${src}" dst
        [[ "${output}" == *"${src} is the destination or in it"* ]]
    done
    sed -i.bak 's| .*| dst/audio/1.flac|' dst/small/wav.scp && rm dst/small/wav.scp.bak
    copy_data_dir.sh dst/small small
    run -1 copy_data_dir.sh small dst
    [[ "${output}" == *"the new wav.scp names files in dst, which would move to its .backup"* ]]
    [ -s dst/wav.scp ] && [ ! -e dst/.backup ]
}

@test "old files of the destination do not narrow the new set; they are kept aside" {
    copy_data_dir.sh --utt-prefix p- --spk-prefix p- data other
    for command in "copy_data_dir.sh other dst" "subset_data_dir.sh --first other 4 dst" "combine_data.sh dst other"; do
        rm -rf dst
        make_data dst
        echo "a-1 x" > dst/text
        run -0 ${command}
        [[ "${output}" == *"the earlier files are in "*"/dst/.backup"* ]]
        [ "$(cat dst/.backup/text)" = "a-1 x" ]
        [ ! -e dst/text ]
        run -0 validate_data_dir.sh --no-feats --no-text dst
        [[ "${output}" == *"4 utterances"* ]]
        # Once more: one backup, not a chain of them.
        run -0 ${command}
        [ ! -e dst/.backup/.backup ] && [ ! -e dst/.backup/text ]
        [ -z "$(find . -name '*.tmp*')" ]
    done
    [ "$(stat -c %a dst)" = "$(mkdir plain && stat -c %a plain)" ]
}

@test "reco2dur and reco2file_and_channel follow copies and subsets" {
    printf 'a-1 3\na-2 3\nb-1 3\nb-2 3\n' > data/reco2dur
    printf 'a-1 x A\na-2 x B\nb-1 y A\nb-2 y B\n' > data/reco2file_and_channel
    copy_data_dir.sh --utt-prefix p- data copy
    [ "$(head -n 1 copy/reco2dur):$(head -n 1 copy/reco2file_and_channel)" = "p-a-1 3:p-a-1 x A" ]
    subset_data_dir.sh --first data 1 one
    [ "$(cat one/reco2dur):$(cat one/reco2file_and_channel)" = "a-1 3:a-1 x A" ]
    printf 'a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-2 r2 1 2\n' > data/segments
    printf 'r1 /r1.wav\nr2 /r2.wav\n' > data/wav.scp
    printf 'r1 2\nr2 3\n' > data/reco2dur
    printf 'r1 x A\nr2 y A\n' > data/reco2file_and_channel
    copy_data_dir.sh --utt-prefix p- --spk-prefix p- data copy
    for name in wav.scp reco2dur reco2file_and_channel; do cmp "data/${name}" "copy/${name}"; done
    run -0 validate_data_dir.sh copy --no-feats --no-text
    subset_data_dir.sh --last data 2 two
    [ "$(cat two/wav.scp):$(cat two/reco2dur):$(cat two/reco2file_and_channel)" = "r2 /r2.wav:r2 3:r2 y A" ]
    run -0 validate_data_dir.sh two --no-feats --no-text
}

@test "long lists give the same result at every run" {
    mkdir long
    seq -f 's%05.0f-u' 1 20000 | awk '{ print $1, substr($1, 1, 3) }' > long/utt2spk
    utt2spk_to_spk2utt.pl long/utt2spk > long/spk2utt
    awk '{ print $1, "/audio/" $1 ".wav" }' long/utt2spk > long/wav.scp
    run -0 subset_data_dir.sh --speakers long 1 dst
    [ "$(wc -l < dst/wav.scp)" -eq 999 ]
    # All 20,000 are at fault: five of them are named, to the end of the output.
    awk '{ print "x" $1, "y" }' long/utt2spk > long/utt2category
    run -1 validate_data_dir.sh --no-feats --no-text long
    [[ "${output}" == *"other utterances than utt2spk: s00001-u s00002-u s00003-u s00004-u s00005-u; fix"*"has 1 faults"* ]]
    run -1 combine_data.sh both long long
    [[ "${output}" == *"in more than one source: s00001-u s00002-u s00003-u s00004-u s00005-u; rename"* ]]
}

@test "fix_data_dir.sh: two values of a key and nothing in common are errors" {
    echo "a-1 /elsewhere.wav" >> data/spk1.scp
    run -1 fix_data_dir.sh data
    [[ "${output}" == *"spk1.scp: keys with two values: a-1"* ]]
    echo "c-1 /c.wav" > data/spk1.scp
    run -1 fix_data_dir.sh data
    [[ "${output}" == *"no utterance is in all lists; the last of them went with spk1.scp"* ]]
}

@test "copy_data_dir.sh: every file comes along and is renamed" {
    printf 'a f\nb m\n' > data/spk2gender
    echo '{"a": []}' > data/spk2enroll.json
    run -0 copy_data_dir.sh --utt-prefix p- --spk-prefix p- --utt-suffix -x data copy
    [ "$(head -n 1 copy/enroll_spk1.scp)" = "p-$(head -n 1 data/enroll_spk1.scp | sed 's/ /-x /')" ]
    [ "$(cat copy/spk2utt)" = $'p-a p-a-1-x p-a-2-x\np-b p-b-1-x p-b-2-x' ]
    [ "$(head -n 1 copy/spk2gender)" = "p-a f" ]
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

@test "combine_data.sh: spk2enroll.json of the sources are joined; what cannot be is told" {
    copy_data_dir.sh --utt-prefix p- --spk-prefix p- data copy
    cp -R data third
    for name in third/*; do sed -i.bak 's/^/q-/' "${name}" && rm "${name}.bak"; done
    sed -i.bak 's/ / q-/' third/utt2spk && rm third/utt2spk.bak
    utt2spk_to_spk2utt.pl third/utt2spk > third/spk2utt
    cp data/protocol third/protocol
    echo '{"a": [["u1", "/é 1.wav"], ["u2", "/2.wav"]], "b": []}' > data/spk2enroll.json
    echo '{"b": [["v", "/v.wav"]], "a": [["u2", "/2.wav"], ["u0", "/0.wav"]]}' > third/spk2enroll.json
    run -0 combine_data.sh both data copy third
    [ "$(tr -d ' \n' < both/spk2enroll.json)" = \
        '{"a":[["u1","/é1.wav"],["u2","/2.wav"],["u0","/0.wav"]],"b":[["v","/v.wav"]]}' ]
    refused() {  # refused CONTENT MESSAGE
        echo "$1" > third/spk2enroll.json
        run -1 combine_data.sh again data copy third
        [[ "${output}" == *"third/spk2enroll.json: $2"*"nothing was written"* ]] || { echo "${output}"; false; }
        [ ! -e again ]
    }
    refused '{"a": [["u2", "/other.wav"]]}' "speaker 'a': utterance 'u2' is /other.wav, but /2.wav in an earlier file"
    refused '{"a": [["u3", "/3.wav"]], "a": []}' "speaker 'a' occurs twice"
    refused '{"a": ["u3", "/3.wav"]}' "speaker 'a': wants {speaker: [[utterance id, path], ...], ...}"
    refused '[]' "wants {speaker"
    refused '{"a": ' "Expecting value"
    run -2 merge_spk2enroll.py out
}

@test "combine_data.sh: other files that differ are named, mixing.yaml is an error" {
    copy_data_dir.sh --utt-prefix p- --spk-prefix p- data copy
    echo "list: other" > copy/protocol
    run -0 combine_data.sh both data copy
    [[ "${output}" == *"protocol is left out, it is another one than data's, or none, in: copy"* ]]
    [ ! -e both/protocol ]
    echo "sir_db: [0, 5]" > copy/mixing.yaml
    run -1 combine_data.sh more data copy
    [[ "${output}" == *"mixing.yaml is another one than copy's, or none, in: data"*"nothing was written"* ]]
    [ ! -e more ]
    run -0 combine_data.sh --strict false more data copy
    [[ "${output}" == *"mixing.yaml is left out"* ]]
    cp copy/mixing.yaml data/
    run -0 combine_data.sh --strict false more data copy
    cmp data/mixing.yaml more/mixing.yaml
    # wav.scp has recordings in one and utterances in the other.
    printf 'a-1 r1 0 1\na-2 r1 1 2\nb-1 r1 2 3\nb-2 r1 3 4\n' > data/segments
    echo "r1 /r1.wav" > data/wav.scp
    run -1 combine_data.sh --strict false again data copy
    [[ "${output}" == *"segments is not in copy, but in another source; write copy/utt2dur (seconds)"* ]]
    sed 's/ .*/ 2.5/' copy/utt2spk > copy/utt2dur
    run -1 combine_data.sh again data copy
    [[ "${output}" == *"utt2dur is not in: data"* ]]
    sed 's/ .*/ 1/' data/utt2spk > data/utt2dur
    run -0 combine_data.sh again data copy
    run -0 validate_data_dir.sh --no-feats --no-text again
    [[ "${output}" == *"8 utterances"* ]]
    grep -qx 'p-a-1 p-a-1 0 2.5' again/segments
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
    takes "a-1 a-2 b-1 b-2" --per-spk data 3
    for i in 3 4 5; do for name in wav.scp spk1.scp spk2.scp enroll_spk1.scp utt2category; do echo "a-${i} x" >> "data/${name}"; done; done
    printf 'a-3 a\na-4 a\na-5 a\n' >> data/utt2spk
    takes "a-1 a-3 b-1 b-2" --per-spk data 2
    make_data data
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
