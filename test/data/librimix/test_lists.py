"""data/<set> of LibriMix by each enrollment protocol."""

import dataclasses
import random

import pytest
import soundfile

from espnet_tse.bin import prepare_librimix
from espnet_tse.data.own_enrollments import own_enrollments
from espnet_tse.data.librimix.lists import Protocol, held_out_set, training_set
from espnet_tse.data.librimix.published_enrollments import (
    espnet_enrollments,
    espnet_lists,
    laura_training,
    speakerbeam_enrollments,
)
from espnet_tse.data.librispeech import PUBLISHED_COUNTS, Utterance, find_utterances
from espnet_tse.data.scp_fields import read_speaker_enrollments
from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.io.yaml_file import read_yaml

LISTS = {"speakerbeam": "speakerbeam", "laura": "laura"}
# Our enrollments of both speakers of the stand-in's four test mixtures, in the order of their names.
PINNED = (
    "519-1001-0000 520-1001-0001 520-1000-0000 521-1001-0000 521-1000-0001 522-1001-0000 522-1000-0001 519-1000-0000"
).split()


def read_lists(folder):
    return {path.name for path in folder.iterdir()}


def prepare(stand_in, out, *words, enrollment="own", sets=("test",)):
    options = [
        "--librimix",
        stand_in.root / "Libri2Mix",
        "--metadata",
        stand_in.metadata,
        "--published_metadata",
        "false",
    ]
    options += [
        "--librispeech",
        stand_in.root / "LibriSpeech",
        "--output_dir",
        out,
        "--enrollment",
        enrollment,
    ]
    if enrollment in LISTS:
        options += ["--enrollment_lists", stand_in.root / LISTS[enrollment]]
    return prepare_librimix.main([*map(str, options), "--sets", *sets, *words])


@pytest.mark.parametrize("enrollment", ["own", "speakerbeam", "laura", "espnet"])
def test_sets_are_valid(stand_in, tmp_path, enrollment):
    test, train = tmp_path / "test", tmp_path / "train"
    assert prepare(stand_in, test, enrollment=enrollment) == 0
    assert prepare(stand_in, train, "--training", enrollment=enrollment, sets=("train-100", "train-360")) == 0
    for folder in (test, train):
        report = validate_dir(folder, AudioLimits(16000), None if folder == train else train)
        assert report.num_errors == 0, report.render()
    rows = 1 if enrollment == "laura" else 2
    assert len(read_scp(test / "wav.scp")) == 4 * rows and len(read_scp(train / "wav.scp")) == 12 * rows
    protocol = read_yaml(test / "protocol")
    assert (protocol["kind"], protocol["mode"], protocol["sample_rate"]) == ("clean", "min", 16000)
    lists = {
        "own": "Libri2Mix test, speakers 1 2, our enrollments, unpublished mixtures",
        "speakerbeam": "Libri2Mix test, speakers 1 2, SpeakerBeam's enrollments, unpublished mixtures",
        "laura": "Libri2Mix test, unpublished mixtures",
        "espnet": "Libri2Mix test, speakers 1 2, ESPnet's enrollments, unpublished mixtures",
    }
    assert protocol["list"] == lists[enrollment] and ("published" in protocol) == (enrollment != "own")
    example = StaticDataset(train, crop_s=1.0).example(0, 0)
    assert example["mixture"].shape == (16000,) and len(example["enrollment"]) > 2 * 16000


def test_rows_of_both_speakers(stand_in, tmp_path):
    assert prepare(stand_in, tmp_path / "test") == 0
    spec = stand_in.specs("test")[0]
    first, second = (f"{spec.mixture_id}#spk{number}" for number in (1, 2))
    lists = {
        name: read_scp(tmp_path / "test" / name) for name in ("wav.scp", "spk1.scp", "spk2.scp", "utt2spk")
    }
    assert lists["wav.scp"][first] == lists["wav.scp"][second]
    assert lists["spk1.scp"][first] == lists["spk2.scp"][second] != lists["spk1.scp"][second]
    assert (lists["utt2spk"][first], lists["utt2spk"][second]) == spec.speakers
    assert read_scp(tmp_path / "test/utt2enrollspk") == lists["utt2spk"]
    assert "text_spk1" not in read_lists(tmp_path / "test")  # targets are cut, so their words are not known
    assert prepare(stand_in, tmp_path / "first", "--targets", "1") == 0
    assert set(read_scp(tmp_path / "first/wav.scp")) == {spec.mixture_id for spec in stand_in.specs("test")}


def test_whole_targets_have_their_words(stand_in, tmp_path):
    target = dataclasses.replace(stand_in.target("test"), root=tmp_path / "Libri2Mix", mode="max")
    librispeech = stand_in.root / "LibriSpeech"
    protocol = Protocol("own", (1, 2), "clean", librispeech, published=False)
    prepared = held_out_set(target, stand_in.specs("test"), protocol)
    words, speakers = prepared.lists["text_spk1"], prepared.lists["utt2spk"]
    assert words == {key: f"some words of {speaker}" for key, speaker in speakers.items()}


def test_what_was_there_is_replaced_and_kept_where_it_fails(stand_in, tmp_path, capsys):
    out = tmp_path / "test"
    out.mkdir()
    (out / "old.scp").write_text("a b\n")
    assert prepare(stand_in, out, "--enrollment_lists", str(tmp_path), enrollment="espnet") == 1
    assert (
        "enroll_spk1.scp: no such file; ENROLLMENT_LISTS names the folder data of a run of ESPnet's"
        in capsys.readouterr().err
    )
    assert [path.name for path in out.iterdir()] == ["old.scp"] and [p.name for p in tmp_path.iterdir()] == [
        "test"
    ]
    assert prepare(stand_in, out) == 0
    assert not (out / "old.scp").exists() and [p.name for p in tmp_path.iterdir()] == ["test"]


def test_a_run_of_espnets_recipe_can_be_read(stand_in, tmp_path):
    specs = stand_in.specs("test")
    drawn = {}
    for number in (1, 2):
        lines = []
        for spec in specs:
            own = (stand_in.root / "LibriSpeech/test-clean").glob(f"{spec.speakers[number - 1]}/*/*.flac")
            drawn[spec.mixture_id, number] = last = max(path.stem for path in own)
            lines.append(f"{spec.mixture_id} /their/disk/{last}.flac\n")
        path = tmp_path / f"lists/test/enroll_spk{number}.scp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))
    assert (
        prepare(stand_in, tmp_path / "t", "--enrollment_lists", str(tmp_path / "lists"), enrollment="espnet")
        == 0
    )
    for key, path in read_scp(tmp_path / "t/enroll_spk1.scp").items():
        mixture_id, _, number = key.partition("#spk")
        assert path.endswith(f"/{drawn[mixture_id, int(number)]}.flac") and path.startswith(
            str(stand_in.root)
        )


def test_espnets_draw_is_that_of_its_code_over_a_sorted_listing(stand_in):
    specs = stand_in.specs("test")
    utterances = find_utterances(stand_in.root / "LibriSpeech", "test-clean", published=False)
    found = espnet_enrollments(specs, (2,), utterances, 2)
    random.seed(1)  # as there
    for spec in sorted(specs, key=lambda spec: spec.mixture_id):
        for number, speaker in enumerate(spec.speakers, 1):
            choice = random.choice(sorted(u.key for u in utterances if u.speaker == speaker))
            assert number == 1 or found[spec.mixture_id, number].utterance == choice
    assert {number for _, number in found} == {2}


def test_our_list_depends_on_nothing_but_the_corpus(stand_in):
    specs = stand_in.specs("test")
    utterances = find_utterances(stand_in.root / "LibriSpeech", "test-clean", published=False)
    chosen = own_enrollments(specs, (1, 2), utterances, lambda _: 4.0)
    shuffled = random.Random(3).sample(utterances, len(utterances))
    again = own_enrollments(specs[::-1], (2, 1), shuffled, lambda _: 4.0)
    assert again == chosen
    assert own_enrollments(specs, (1, 2), utterances, lambda _: 4.0, seed=1) != chosen
    for (mixture_id, number), enrollment in chosen.items():
        target = mixture_id.split("_")[number - 1]
        assert enrollment.utterance.split("-")[0] == target.split("-")[0]
        assert enrollment.utterance.rpartition("-")[0] != target.rpartition("-")[0]  # another chapter
    # Fixed points, so that no version draws others: nobody's scores could be compared any more.
    keys = [enrollment.utterance for _, enrollment in sorted(chosen.items())]
    assert keys == PINNED


def test_published_lists_are_drawn_over_all_of_librispeech(stand_in, monkeypatch):
    """Over a part of it the list would be another one, and nobody would be told."""
    target, specs = stand_in.target("test"), stand_in.specs("test")
    librispeech, lists = stand_in.root / "LibriSpeech", stand_in.root / "laura"
    for enrollment in ("own", "espnet"):
        with pytest.raises(DataError, match="test-clean: holds 16 utterances, the published subset 2620;"):
            held_out_set(target, specs, Protocol(enrollment, (1, 2), "clean", librispeech))
    train = stand_in.target("train-100"), stand_in.specs("train-100")
    with pytest.raises(DataError, match="train-clean-100: holds 16 utterances, the published subset 28539;"):
        training_set([train], Protocol("own", (1, 2), "clean", librispeech))
    # Utterances that a list names are only looked up.
    training_set([train], Protocol("laura", (1,), "clean", librispeech, lists))
    monkeypatch.setitem(PUBLISHED_COUNTS, "test-clean", 16)
    prepared = held_out_set(target, specs, Protocol("own", (1, 2), "clean", librispeech))
    assert prepared.description["list"] == "Libri2Mix test, speakers 1 2, our enrollments"
    # The name that published figures of LauraTSE have.
    prepared = held_out_set(target, specs, Protocol("laura", (1,), "clean", librispeech, lists))
    assert prepared.description["list"] == "Libri2Mix test"


def test_short_utterances_enroll_only_where_there_is_no_other(stand_in):
    specs = stand_in.specs("test")[:1]
    (target, _), speaker = specs[0].utterances, specs[0].speakers[0]
    keys = [f"{speaker}-5-000{number}" for number in range(4)]
    utterances = [Utterance(key, stand_in.root / key) for key in (target, *keys)]
    seconds = dict.fromkeys(keys, 2.0) | {target: 9.0}
    for long in keys:
        found = own_enrollments(specs, (1,), utterances, lambda u: (seconds | {long: 3.0})[u.key])
        assert found[specs[0].mixture_id, 1].utterance == long
    found = own_enrollments(specs, (1,), utterances, lambda u: seconds[u.key])
    assert found[specs[0].mixture_id, 1].utterance in keys
    with pytest.raises(DataError, match=f"speaker '{speaker}' has no other utterance than '{target}'"):
        own_enrollments(specs, (1,), utterances[:1], lambda _: 9.0)


def test_faults_of_published_lists_are_told(stand_in, tmp_path):
    specs, target = stand_in.specs("test"), stand_in.target("test")
    with pytest.raises(
        DataError, match="holds no test/map_mixture2enrollment; ENROLLMENT_LISTS names a clone"
    ):
        speakerbeam_enrollments(specs, (1,), target, tmp_path)
    path = tmp_path / "test/map_mixture2enrollment"
    path.parent.mkdir()
    first = specs[0]
    for line, message in (
        ("", "map_mixture2enrollment: is empty; fetch it again"),
        ("a b", ":1: wants 'mixture utterance s<n>/<mixture>'"),
        (f"{first.mixture_id} {first.utterances[1]} s1/x", f"has no line for mixture '{first.mixture_id}'"),
        (f"{first.mixture_id} {first.utterances[0]} s3/x", "'s3/x' enrolls .* but is no source of test"),
    ):
        path.write_text(line and line + "\n")
        with pytest.raises(DataError, match=message):
            speakerbeam_enrollments(specs, (1,), target, tmp_path)
    with pytest.raises(DataError, match="libri2mix_100_360_aux_s1.txt: no such file; fetch it"):
        laura_training(specs, [], tmp_path)
    (tmp_path / "libri2mix_100_360_aux_s1.txt").write_text("")
    with pytest.raises(DataError, match="libri2mix_100_360_aux_s1.txt: is empty; fetch it again"):
        laura_training(specs, [], tmp_path)
    (tmp_path / "test/enroll_spk1.scp").write_text("\n")
    with pytest.raises(DataError, match="enroll_spk1.scp: is empty; fetch it again"):
        espnet_lists(specs, (1,), "test", tmp_path, {})
    (tmp_path / "libri2mix_100_360_aux_s1.txt").write_text(f"{first.mixture_id} 1-2-3\n")
    with pytest.raises(DataError, match="'1-2-3' cannot enroll"):
        laura_training(specs[:1], [], tmp_path)


@pytest.mark.parametrize(
    "words, message",
    [
        (("--targets", "3"), "--targets wants numbers from 1 to 2"),
        (("--enrollment", "lauratse"), "did you mean 'laura'"),
        (("--enrollment", "laura", "--targets", "2"), "LauraTSE's lists have the first speaker only"),
        (("--sets", "dev", "test"), "several --sets become one for --training only"),
        (("--kind", "noisy"), "unknown 'noisy'"),
    ],
)
def test_wrong_usage(stand_in, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        prepare(stand_in, tmp_path / "test", *words)
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_a_set_that_is_not_complete_or_a_protocol_without_its_list_is_refused(stand_in, tmp_path, capsys):
    assert prepare(stand_in, tmp_path / "test", "--mode", "max") == 1
    assert "is not complete; run generate_librimix first" in capsys.readouterr().err
    assert prepare(stand_in, tmp_path / "test", "--enrollment", "speakerbeam") == 1
    assert "reads a published list; ENROLLMENT_LISTS names its folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_speakerbeams_training_pool_are_sources_of_the_set(stand_in, tmp_path):
    assert prepare(stand_in, tmp_path / "t", "--training", enrollment="speakerbeam", sets=("train-100",)) == 0
    pool = read_speaker_enrollments(tmp_path / "t/spk2enroll.json")
    paths = [path for pairs in pool.values() for _, path in pairs]
    assert all("/train-100/s" in path for path in paths)
    assert all(len(pairs) > 1 for pairs in pool.values())
    assert min(soundfile.info(path).duration for path in paths) >= 3.0
