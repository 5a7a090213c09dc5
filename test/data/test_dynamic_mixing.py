"""Mixtures made while training."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import MixingConf, read_mixing_conf
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.schema.tse_batch import TASKS

LENGTHS = {"a": [9000, 12000], "b": [5000, 7000, 16000], "c": [8000, 8000]}


def open_set(directory, crop_s=None, seed=0, hop_length=1, tokens=None, **kwargs) -> DynamicMixingDataset:
    conf = read_mixing_conf(directory / "mixing.yaml")
    return DynamicMixingDataset(directory, conf, crop_s, seed, hop_length, tokens, **kwargs)


def whole(directory, key: str) -> np.ndarray:
    return soundfile.read(read_scp(directory / "wav.scp")[key], dtype="float32")[0]


def where(span: np.ndarray, recording: np.ndarray) -> int | None:
    """Where a span of noise begins in a recording."""
    for start in np.flatnonzero(recording == span[0]):
        if np.array_equal(recording[start : start + len(span)], span):
            return int(start)
    return None


def same(first: dict, second: dict) -> bool:
    return all(
        np.array_equal(first[name], second[name]) for name in ("key", "mixture", "target", "enrollment")
    )


def test_an_example_depends_on_seed_epoch_and_index_only(dirs):
    directory = dirs.source(LENGTHS)
    dataset = open_set(directory, crop_s=0.5)
    forwards = [dataset.example(3, index) for index in range(len(dataset))]
    again = open_set(directory, crop_s=0.5, cache_audio=False)
    backwards = [again.example(3, index) for index in reversed(range(len(again)))][::-1]
    assert all(same(*pair) for pair in zip(forwards, backwards))
    assert not any(same(e, dataset.example(4, i)) for i, e in enumerate(forwards))
    other_seed = open_set(directory, crop_s=0.5, seed=1)
    assert not any(same(e, other_seed.example(3, i)) for i, e in enumerate(forwards))


def test_every_utterance_is_target_once_and_lengths_are_known(dirs):
    dataset = open_set(dirs.source(LENGTHS), crop_s=1.0, hop_length=160)
    examples = [dataset.example(1, index) for index in range(len(dataset))]
    assert sorted(e["key"] for e in examples) == sorted(dataset.utt2spk)
    assert [len(e["mixture"]) for e in examples] == dataset.num_samples
    assert max(dataset.num_samples) == 8000 and min(dataset.num_samples) == 5000
    assert all(len(e["target"]) == len(e["mixture"]) and e["mixture"].dtype == np.float32 for e in examples)


@pytest.mark.parametrize("kind", ["rms", "peak"])
def test_the_drawn_sir_is_met_and_within_bounds(dirs, kind):
    directory = dirs.source(LENGTHS, f"sir_db: [-3, 2]\nsnr_kind: {kind}\n")
    measure = {"rms": lambda x: np.sqrt(np.mean(x.astype(float) ** 2)), "peak": lambda x: np.abs(x).max()}[
        kind
    ]
    dataset = open_set(directory, crop_s=0.5)
    sirs = []
    for epoch in range(8):
        for index in range(len(dataset)):
            e = dataset.example(epoch, index)
            sirs.append(20 * np.log10(measure(e["target"]) / measure(e["mixture"] - e["target"])))
    assert -3.01 < min(sirs) < -2 and 1 < max(sirs) < 2.01
    one = DynamicMixingDataset(directory, MixingConf(sir_db=(1.5, 1.5), snr_kind=kind), 0.5)
    e = one.example(0, 0)
    assert 20 * np.log10(measure(e["target"]) / measure(e["mixture"] - e["target"])) == pytest.approx(
        1.5, abs=0.01
    )


def test_enrollment_is_another_utterance_of_the_speaker_and_the_interferer_is_another_speaker(dirs):
    directory = dirs.source(LENGTHS, "enrollment_s: 0.6\nsir_db: [0, 0]\n")
    dataset = open_set(directory, crop_s=0.4)
    for epoch in range(3):
        for index, key in enumerate(dataset.keys):
            e = dataset.example(epoch, index)
            speaker = dataset.utt2spk[key]
            homes = [k for k in dataset.keys if where(e["enrollment"], whole(directory, k)) is not None]
            assert len(homes) == 1 and homes[0] != key and dataset.utt2spk[homes[0]] == speaker
            assert len(e["enrollment"]) == min(4800, len(whole(directory, homes[0])))
            residual = e["mixture"] - e["target"]
            best = {k: np.abs(np.correlate(whole(directory, k), residual)).max() for k in dataset.keys}
            assert dataset.utt2spk[max(best, key=best.get)] != speaker


def test_target_and_codes_cover_the_same_span(dirs, tmp_path):
    hop = 160
    directory = dirs.source({"a": [9000, 5000], "b": [8100, 1000]})
    paths = {}
    for key, path in read_scp(directory / "wav.scp").items():
        samples = soundfile.read(path, dtype="int16")[0]
        frames = -(-len(samples) // hop)
        padded = np.pad(samples, (0, frames * hop - len(samples)))
        # A "codec" that remembers two samples of each frame, as numbers from 0 on.
        codes = padded.reshape(frames, hop)[:, :2].astype(np.int32) + 2**15
        np.save(tmp_path / f"{key}.npy", codes)
        paths[key] = tmp_path / f"{key}.npy"
    write_scp(tmp_path / "codes.scp", paths)
    dataset = open_set(
        directory,
        crop_s=0.5,
        hop_length=hop,
        tokens={"acoustic": (tmp_path / "codes.scp", CodesSpec(2, 2**16, hop))},
    )
    starts = set()
    for epoch in range(10):
        for index in range(len(dataset)):
            e = dataset.example(epoch, index)
            codes = e["targets"]["acoustic"]
            assert codes.dtype == np.int64 and len(codes) == -(-len(e["target"]) // hop)
            np.testing.assert_array_equal(codes[:, 0] / 2**15 - 1, e["target"][::hop])
            starts.add(where(e["target"], whole(directory, e["key"])))
    assert all(start % hop == 0 for start in starts) and len(starts) > 5


def test_single_utterance_speakers_enroll_from_a_disjoint_region(dirs, caplog):
    mixing = "enrollment: same_utterance_disjoint\nenrollment_s: 0.75\nenrollment_gap_s: 0.25\n"
    directory = dirs.source({"a": [20000], "b": [14000], "c": [9000]}, mixing)
    dataset = open_set(directory, crop_s=0.5, hop_length=160)
    with caplog.at_level(logging.WARNING):
        assert len(open_set(dirs.source({"a": [20000], "b": [900]}, mixing, "short"), crop_s=0.5)) == 1
    assert "1 of 2 utterances are too short" in caplog.text
    for epoch in range(20):
        for index, key in enumerate(dataset.keys):
            e = dataset.example(epoch, index)
            target = where(e["target"], whole(directory, key))
            enrollment = where(e["enrollment"], whole(directory, key))
            assert target % 160 == 0
            gap = max(enrollment - target - len(e["target"]), target - enrollment - len(e["enrollment"]))
            assert gap >= 2000
            assert len(e["mixture"]) == dataset.num_samples[index] > 3000


def test_overlap_number_of_speakers_and_noise(dirs):
    directory = dirs.source(LENGTHS)
    half = DynamicMixingDataset(directory, MixingConf(overlap=(0.5, 0.5)), 0.5).example(0, 0)
    assert np.count_nonzero(half["mixture"] != half["target"]) == pytest.approx(2000, abs=5)
    alone = DynamicMixingDataset(directory, MixingConf(num_speakers={1: 1.0}), 0.5).example(0, 0)
    np.testing.assert_array_equal(alone["mixture"], alone["target"])
    tone = np.sin(np.arange(3000) * 0.3) * 0.1
    write_scp(directory / "noise.scp", {"tone": dirs.wav("tone", tone)})
    conf = MixingConf(num_speakers={1: 1.0}, noise_scp=str(directory / "noise.scp"), snr_db=(6, 6))
    noisy = DynamicMixingDataset(directory, conf, 0.5).example(0, 0)
    added = noisy["mixture"] - noisy["target"]
    ratio = 10 * np.log10(np.mean(noisy["target"] ** 2) / np.mean(added**2))
    assert ratio == pytest.approx(6, abs=0.01)
    three = DynamicMixingDataset(directory, MixingConf(num_speakers={3: 1.0}), 0.5)
    assert sorted(three.utt2spk[k] for k in three._interferers("a", 2, np.random.default_rng(0))) == [
        "b",
        "c",
    ]


def test_rooms_leave_the_target_dry(dirs):
    directory = dirs.source(LENGTHS)
    response = np.zeros(800)
    response[[40, 300]] = 0.5, 0.2
    write_scp(directory / "rir.scp", {"room": dirs.wav("room", response)})
    conf = MixingConf(num_speakers={1: 1.0}, rir_scp=str(directory / "rir.scp"))
    e = DynamicMixingDataset(directory, conf, 0.5).example(0, 0)
    expected = e["target"].copy()
    expected[260:] += 0.4 * e["target"][:-260]
    np.testing.assert_allclose(e["mixture"], expected, atol=2e-4)


def test_absent_targets(dirs):
    directory = dirs.source(LENGTHS, "target_absent: 0.5\n")
    dataset = open_set(directory, crop_s=0.5)
    examples = [dataset.example(epoch, index) for epoch in range(20) for index in range(len(dataset))]
    absent = [e for e in examples if not e["target"].any()]
    assert 0.3 < len(absent) / len(examples) < 0.7
    assert all(e["mixture"].any() and e["enrollment"].any() for e in absent)
    with pytest.raises(DataError, match="an absent target has no codes"):
        open_set(directory, tokens={"acoustic": (directory / "codes.scp", CodesSpec(2, 16, 100))})


@pytest.mark.parametrize(
    "lengths, mixing, message",
    [
        ({"a": [900], "b": [900, 900]}, "", "1 of 2 speakers have a single utterance, first 'a'"),
        (
            {"a": [900, 900]},
            "",
            r"has 1 speaker\(s\), but mixing.yaml asks for mixtures of 2",
        ),
        (
            {"a": [900, 900]},
            "{num_speakers: {1: 1.0}, tasks: {sr: 1.0}}",
            r"has 1 speaker\(s\), but mixing.yaml asks for mixtures of 2 \(.*sr_interferer\)",
        ),
        ({"a": [900, 900], "../b": [900, 900]}, "", r"key '\.\./b-0' cannot name a file"),
        ({"a": [900], "b": [900]}, "enrollment: same_utterance_disjoint", "no utterance is long enough"),
    ],
)
def test_sets_that_cannot_be_mixed(dirs, lengths, mixing, message):
    with pytest.raises(DataError, match=message):
        open_set(dirs.source(lengths, mixing))


def test_one_speaker_is_enough_for_restoration_alone(dirs):
    conf = "{num_speakers: {1: 1.0}, tasks: {sr: 1.0}, sr_interferer: 0.0}"
    dataset = open_set(dirs.source({"a": [900, 900]}, conf))
    assert all(dataset.example(epoch, 0)["interferers"] == [] for epoch in range(20))


@pytest.mark.parametrize("enrollment", ["other_utterance", "same_utterance_disjoint"])
def test_restoration_alone_wants_nothing_to_enroll_with(dirs, enrollment):
    text = f"{{tasks: {{sr: 1}}, enrollment: {enrollment}}}"
    dataset = open_set(dirs.source({"a": [900], "b": [900]}, text))
    assert [len(dataset.example(1, index)["mixture"]) for index in range(len(dataset))] == [900, 900]


def test_noise_of_another_rate_or_none(dirs):
    directory = dirs.source(LENGTHS)
    write_scp(directory / "noise.scp", {"n": dirs.wav("n", np.ones(100) * 0.1, rate=16000)})
    with pytest.raises(DataError, match="noise.scp: is at 16000 Hz"):
        DynamicMixingDataset(directory, MixingConf(noise_scp=str(directory / "noise.scp")))
    (directory / "noise.scp").write_text("")
    with pytest.raises(DataError, match="noise.scp: is empty"):
        DynamicMixingDataset(directory, MixingConf(noise_scp=str(directory / "noise.scp")))


def test_enrollments_are_augmented_and_nothing_else(dirs):
    directory = dirs.source(LENGTHS)
    write_scp(directory / "noise.scp", {"n": dirs.wav("n", np.sin(np.arange(9000)) * 0.1)})
    write_scp(directory / "rir.scp", {"room": dirs.wav("room", np.array([1.0, 0.0, 0.5]))})
    sources = {"noise_scp": str(directory / "noise.scp"), "rir_scp": str(directory / "rir.scp")}
    settings = {"num_speakers": {1: 1.0}, "enrollment_s": 0.5, **sources}
    plain = DynamicMixingDataset(directory, MixingConf(**settings))
    for augmented in ({"enrollment_noise": 1.0, "enrollment_snr_db": (10, 10)}, {"enrollment_reverb": 1.0}):
        dataset = DynamicMixingDataset(directory, MixingConf(**settings, **augmented))
        first, second = plain.example(1, 0), dataset.example(1, 0)
        for name in ("mixture", "target", "speaker"):
            np.testing.assert_array_equal(first[name], second[name])
        added = second["enrollment"] - first["enrollment"]
        if "enrollment_noise" in augmented:
            ratio_db = 20 * np.log10(np.linalg.norm(first["enrollment"]) / np.linalg.norm(added))
            assert ratio_db == pytest.approx(10.0, abs=0.01)
        else:
            np.testing.assert_allclose(added[2:], 0.5 * first["enrollment"][:-2], atol=1e-4)
    half = DynamicMixingDataset(directory, MixingConf(**settings, enrollment_noise=0.5))
    changed = [
        not np.array_equal(half.example(epoch, 0)["enrollment"], plain.example(epoch, 0)["enrollment"])
        for epoch in range(40)
    ]
    assert 8 < sum(changed) < 32


def test_speakers_are_numbered_by_their_sorted_names(dirs):
    dataset = open_set(dirs.source(LENGTHS))
    numbers = {
        dataset.utt2spk[key]: dataset.example(1, index)["speaker"] for index, key in enumerate(dataset.keys)
    }
    assert numbers == {"a": 0, "b": 1, "c": 2}


# --- Several tasks ------------------------------------------------------------------------------------------


def place_of(span: np.ndarray, directory) -> str | None:
    """The utterance that a span of noise comes from."""
    found = [key for key in read_scp(directory / "wav.scp") if where(span, whole(directory, key)) is not None]
    return found[0] if found else None


def test_tasks_are_drawn_by_their_shares_and_enroll_whom_they_should(dirs):
    directory = dirs.source(LENGTHS, "tasks: {tse: 1, rtse: 1, sr: 2}\nenrollment_s: 0.2\n")
    dataset = open_set(directory, crop_s=0.3)
    examples = [dataset.example(epoch, index) for epoch in range(40) for index in range(len(dataset))]
    names = [TASKS[example["task"]] for example in examples]
    number = len(names)
    for name, share in (("tse", 0.25), ("rtse", 0.25), ("sr", 0.5)):
        assert abs(names.count(name) / number - share) < 3 * np.sqrt(share * (1 - share) / number)
    alone = []
    for name, example in list(zip(names, examples))[:60]:
        own, rest = dataset.utt2spk[example["key"]], example["mixture"] - example["target"]
        if name == "sr":
            assert len(example["enrollment"]) == 0 and example["speaker"] == -1
            alone.append(not rest.any())
            continue
        enrolls = place_of(example["enrollment"], directory)
        assert (dataset.utt2spk[enrolls] == own) == (name == "tse")
        assert example["speaker"] == dataset.speaker_numbers[dataset.utt2spk[enrolls]]
        if name == "rtse":  # the enrolled one is in the mixture, with another utterance
            scaled = rest / np.abs(rest).max()
            matches = [
                key
                for key in dataset.spk2utt[dataset.utt2spk[enrolls]]
                if np.abs(np.correlate(whole(directory, key), scaled, "valid")).max()
                > 0.9 * (scaled @ scaled) ** 0.5
            ]
            assert enrolls not in matches or len(matches) > 1
    assert 0.6 < np.mean(alone) < 1.0


def test_restoration_keeps_the_louder_of_two(dirs):
    directory = dirs.source(LENGTHS, "tasks: {sr: 1}\nsr_interferer: 1.0\nsr_sir_db: [2, 20]\n")
    dataset = open_set(directory, crop_s=0.3)
    sirs = []
    for index in range(len(dataset)):
        example = dataset.example(1, index)
        rest = example["mixture"] - example["target"]
        sirs.append(10 * np.log10(np.mean(example["target"] ** 2) / np.mean(rest**2)))
    assert min(sirs) > 1.99 and max(sirs) < 20.01 and np.std(sirs) > 1


def test_one_task_draws_as_before(dirs):
    plain, named = (open_set(dirs.source(LENGTHS, text), crop_s=0.3) for text in ("", "tasks: {tse: 3}\n"))
    assert all(same(plain.example(1, index), named.example(1, index)) for index in range(len(plain)))
    assert "task" not in plain.example(1, 0)


def test_degraded_mixtures_have_their_target_as_it_is(dirs):
    clean, clipped = (open_set(dirs.source(LENGTHS, text), crop_s=0.3) for text in ("", "clipping: 1.0\n"))
    for index in range(len(clean)):
        one, other = clean.example(1, index), clipped.example(1, index)
        assert np.array_equal(one["target"], other["target"])
        assert not np.array_equal(one["mixture"], other["mixture"])
        assert np.abs(other["mixture"]).max() <= np.abs(one["mixture"]).max()


@pytest.mark.parametrize(
    "text, message",
    [
        ("tasks: {tse: 1, ss: 1}", "tasks"),
        ("tasks: {tse: -1}", "wants shares >= 0"),
        ("tasks: [tse]", "wants {task: share}"),
        ("tasks: {rtse: 1}\nnum_speakers: {3: 1.0}", "rtse wants the only other speaker"),
        ("tasks: {sr: 1}\ntarget_absent: 0.1", "only tse can be without its target"),
        ("clipping: 1.5", "clipping: is a share"),
    ],
)
def test_wrong_tasks_are_errors(dirs, text, message):
    with pytest.raises(DataError, match=message):
        open_set(dirs.source(LENGTHS, text + "\n"))


def test_reverse_extraction_wants_other_utterances(dirs):
    text = "tasks: {rtse: 1}\nenrollment: same_utterance_disjoint\nenrollment_s: 0.1\n"
    with pytest.raises(DataError, match="rtse enrolls by another utterance"):
        open_set(dirs.source(LENGTHS, text))


def test_a_system_may_change_the_sets_own_mixing(dirs):
    directory = dirs.source(LENGTHS, "sir_db: [0, 1]\n")
    conf = read_mixing_conf(directory / "mixing.yaml", {"tasks": {"sr": 1}, "clipping": 0.5})
    assert conf.sir_db == (0.0, 1.0) and conf.tasks == {"sr": 1.0} and conf.clipping == 0.5
    with pytest.raises(DataError, match="mixing of the system"):
        read_mixing_conf(directory / "mixing.yaml", {"cliping": 0.5})


def enrollments(directory, epochs: int = 20) -> list[dict]:
    dataset = open_set(directory, crop_s=0.5)
    return [dataset.example(epoch, index) for epoch in range(epochs) for index in range(len(dataset))]


def test_enrollments_are_as_long_as_drawn(dirs):
    drawn = enrollments(dirs.source({"a": [9000, 12000], "b": [9000, 10000]}, "enrollment_s: [0.25, 1.0]\n"))
    lengths = [len(example["enrollment"]) for example in drawn]
    assert 2000 <= min(lengths) < 2500 and 7500 < max(lengths) <= 8000
    alone = dirs.source(
        {"a": [20000], "b": [20000]},
        "enrollment: same_utterance_disjoint\nenrollment_s: [0.25, 1.0]\n",
        name="alone",
    )
    lengths = [len(example["enrollment"]) for example in enrollments(alone)]
    assert 2000 <= min(lengths) < 2500 and 7500 < max(lengths) <= 8000


def test_pauses_and_equalizers_change_the_enrollment_and_nothing_else(dirs):
    plain = enrollments(dirs.source(LENGTHS, "enrollment_s: 0.5\n"), 4)
    changed = dirs.source(LENGTHS, "enrollment_s: 0.5\nenrollment_pauses: 1.0\nenrollment_eq_db: 6\n")
    changed = enrollments(changed, 4)
    for one, other in zip(plain, changed, strict=True):
        assert np.array_equal(one["mixture"], other["mixture"])
        assert len(one["enrollment"]) == len(other["enrollment"])
        assert not np.array_equal(one["enrollment"], other["enrollment"])


def test_speakers_with_one_utterance_enroll_themselves_and_others_by_another(dirs):
    directory = dirs.source(
        LENGTHS | {"d": [16000], "e": [3000]}, "enrollment: other_or_disjoint\nenrollment_s: 0.5\n"
    )
    dataset = open_set(directory, crop_s=0.5)
    assert "e-0" not in dataset.keys and "e-0" in dataset.utt2spk  # too short for both: it only interferes
    for index, key in enumerate(dataset.keys):
        span, enrolls, enrollment = dataset._spans(key, np.random.default_rng(index))
        if key == "d-0":
            assert enrolls == key
            assert enrollment.start >= span.end + 4000 or span.start >= enrollment.end + 4000
        else:
            assert enrolls != key and dataset.utt2spk[enrolls] == dataset.utt2spk[key]


def test_sources_are_targets_as_often_as_they_weigh(dirs):
    directory = dirs.source(LENGTHS, "source_weights: {near: 2, far: 0.5}\n")
    write_scp(
        directory / "utt2source",
        {key: "near" if key[0] == "a" else "far" for key in read_scp(directory / "wav.scp")},
    )
    dataset = open_set(directory, crop_s=0.5)
    times = {key: dataset.keys.count(key) for key in dataset.utt2spk}
    assert times["a-0"] == times["a-1"] == 2
    assert sorted(times[key] for key in times if key[0] != "a") == [0, 0, 0, 1, 1]
    assert [len(dataset.example(1, index)["target"]) for index in range(len(dataset))] == dataset.num_samples


@pytest.mark.parametrize(
    "weights, sources, message",
    [
        ("{near: 2}", None, "utt2source: no such file"),
        ("{near: 2}", {"a-0": "near"}, "has no source of 'a-1' .6 missing."),
        ("{nea: 2}", "near", r"did you mean 'near'"),
        ("{near: 0}", "near", "leave no targets"),
    ],
)
def test_faults_of_source_weights(dirs, weights, sources, message):
    directory = dirs.source(LENGTHS, f"source_weights: {weights}\n")
    if isinstance(sources, str):
        sources = dict.fromkeys(read_scp(directory / "wav.scp"), sources)
    if sources is not None:
        write_scp(directory / "utt2source", sources)
    with pytest.raises(DataError, match=message):
        open_set(directory)


def test_what_interferes_is_the_mixture_without_target_and_noise(dirs):
    example = open_set(dirs.source(LENGTHS), crop_s=0.5).example(1, 0)
    np.testing.assert_allclose(example["mixture"], example["target"] + example["interference"], atol=1e-7)


def test_interferers_and_noise_drawn_from_a_pause_stay_quiet(dirs):
    directory = dirs.source(LENGTHS)
    pausing = dirs.noise(16000, 1)
    pausing[4000:] = np.round(pausing[4000:] * 50) / 32768  # a 16-bit recording's noise floor
    for key in ("b-0", "b-1", "b-2"):
        dirs.wav(f"train/{key}", pausing)
    (directory / "utt2num_samples").unlink()
    write_scp(directory / "noise.scp", {"n": dirs.wav("n", pausing)})
    conf = MixingConf(sir_db=(0, 0), snr_db=(0, 0), noise_scp=str(directory / "noise.scp"))
    dataset = DynamicMixingDataset(directory, conf, crop_s=0.125)
    loudest = []
    for epoch in range(4):
        example = dataset.example(epoch, dataset.keys.index("a-0"))
        for added in (
            example["interference"],
            example["mixture"] - example["target"] - example["interference"],
        ):
            loudest.append(np.abs(added).max() / np.abs(example["target"]).max())
        assert example["interference"].any()
    assert min(loudest) < 0.1 and all(ratio < 0.1 or ratio > 0.5 for ratio in loudest)


def test_copies_of_the_targets_voice_do_not_interfere(dirs):
    lengths = {f"{prefix}{name}": [900, 900] for name in "ab" for prefix in ("", "sp0.9-", "fm1.1-")}
    dataset = open_set(dirs.source(lengths))
    generator = np.random.default_rng(0)
    for speaker in lengths:
        others = {dataset.utt2spk[dataset._interferers(speaker, 1, generator)[0]] for _ in range(40)}
        assert others == {other for other in lengths if other[-1] != speaker[-1]}
    with pytest.raises(DataError, match=r"has 1 speaker\(s\) and 1 copies of their voices, but"):
        open_set(dirs.source({"a": [900, 900], "sp0.9-a": [900, 900]}, name="one"))


def embeddings_of(directory) -> Path:
    """An embedding of each utterance, which tells its place in the list."""
    paths = {}
    for number, key in enumerate(read_scp(directory / "wav.scp")):
        paths[key] = directory / f"{key}.npy"
        np.save(paths[key], np.full(2, number, np.float32))
    write_scp(directory / "embeddings.scp", paths)
    return directory / "embeddings.scp"


def test_embeddings_are_those_of_the_utterances_that_enroll(dirs):
    directory = dirs.source(LENGTHS, "{tasks: {tse: 1, rtse: 1}}")
    dataset = open_set(directory, crop_s=0.5, embeddings_scp=embeddings_of(directory))
    keys = list(read_scp(directory / "wav.scp"))
    for index in range(len(dataset)):
        example = dataset.example(1, index)
        enrolls = keys[int(example["speaker_embedding"][0])]
        assert enrolls == place_of(example["enrollment"], directory) != example["key"]


@pytest.mark.parametrize(
    "mixing, message",
    [
        ("{enrollment: same_utterance_disjoint, enrollment_s: 0.5}", "'a-0' is target and enrollment"),
        ("{enrollment: other_or_disjoint, enrollment_s: 0.5}", "'c-0' is target and enrollment"),
        ("{tasks: {tse: 1, sr: 1}}", "task sr enrolls nobody"),
    ],
)
def test_embeddings_that_would_not_be_those_of_the_enrollment(dirs, mixing, message):
    last = [16000] if "disjoint" in mixing else [9000, 9000]
    directory = dirs.source({"a": [16000, 16000], "b": [9000, 9000], "c": last}, mixing)
    with pytest.raises(DataError, match=message):
        open_set(directory, crop_s=0.5, embeddings_scp=embeddings_of(directory))
