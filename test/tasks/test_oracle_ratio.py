"""``ratio: oracle`` on the command line: the truth is given with the mixtures, or refused."""

import json
import re

import numpy as np
import pytest
from nano_flow_tse import parts
from tse_system import write_model, write_signal

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import DataError

KEYS = ("a", "b")


@pytest.fixture
def recipe(tmp_path):
    """A nano system, two mixtures of different lengths, their enrollments and targets."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "exp" / "tse_nano"
    folder.mkdir(parents=True)
    write_model(folder, {**parts("ad"), "model_conf": {}, "vocoder_conf": {}, "tokenizers": {}}, seed=0)
    for name in ("wav", "enroll_spk1", "spk1"):
        lines = []
        for key, number in zip(KEYS, (9000, 7000)):
            path = tmp_path / f"{name}_{key}.wav"
            write_signal(path, 0.1 * generator.standard_normal(number))
            lines.append(f"{key} {path}\n")
        (tmp_path / f"{name}.scp").write_text("".join(lines))
    (tmp_path / "oracle.yaml").write_text("ratio: oracle\nmax_chunk_s: 0.3\noverlap_s: 0.1\n")
    return tmp_path


def command(recipe, *more, output="out"):
    lists = ["--mixture_scp", recipe / "wav.scp", "--enroll_scp", recipe / "enroll_spk1.scp"]
    places = ["--output_dir", recipe / output, "--model", recipe / "exp" / "tse_nano"]
    return [str(word) for word in (*lists, *places, *more)]


def oracle(recipe):
    return ("--inference_config", recipe / "oracle.yaml", "--oracle_target_scp", recipe / "spk1.scp")


def test_the_truth_is_read_and_recorded(recipe, capsys):
    assert extract.main(command(recipe, *oracle(recipe))) == 0
    decoded = json.loads((recipe / "out" / "decode.json").read_text())
    record = json.loads((recipe / "out" / "extraction.json").read_text())
    assert decoded["settings"]["ratio"] == record["settings"]["ratio"] == "oracle"
    assert extract.main(command(recipe, *oracle(recipe))) == 0  # goes on, with nothing to do
    # Other targets are other inputs.
    write_signal(recipe / "spk1_a.wav", 0.1 * np.random.default_rng(9).standard_normal(9000))
    assert extract.main(command(recipe, *oracle(recipe))) != 0
    assert "1 estimates are of another mixture or enrollment" in capsys.readouterr().err


def test_a_silent_target_is_a_truth_too(recipe):
    write_signal(recipe / "spk1_a.wav", np.zeros(9000))
    assert extract.main(command(recipe, *oracle(recipe))) == 0


@pytest.mark.parametrize("case, message", [
    ("no list", "ratio: oracle wants the true targets; give them by key"),
    ("no oracle", "these settings do not read the truth; leave it out, or set ratio: oracle"),
    ("lacks", "lacks 1 keys of .*, the first is 'b'; add their targets"),
    ("length", "the target of 'b' has 7000 samples and its mixture 6000"),
    ("missing", "key 'a': .*spk1_a.wav"),
    ("single", "ratio: oracle wants the true targets; give them by key"),
    ("overwrites", "is the target of 'a', which would be written over"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused(recipe, case, message, capsys):
    words = command(recipe, *oracle(recipe))
    if case == "no list":
        words = words[:-2]
    elif case == "no oracle":
        words = command(recipe, *oracle(recipe)[2:])
    elif case == "lacks":
        (recipe / "spk1.scp").write_text(f"a {recipe / 'spk1_a.wav'}\n")
    elif case == "missing":
        (recipe / "spk1_a.wav").unlink()
    elif case == "length":
        write_signal(recipe / "wav_b.wav", 0.1 * np.random.default_rng(9).standard_normal(6000))
    elif case == "single":
        signals = [str(recipe / name) for name in ("wav_a.wav", "enroll_spk1_a.wav")]
        words = [*signals, "-o", str(recipe / "x.wav"), *words[6:-2]]
    else:
        targets = recipe / "targets"
        targets.mkdir()
        (recipe / "spk1_a.wav").rename(targets / "a.wav")
        (recipe / "spk1.scp").write_text(f"a {targets / 'a.wav'}\nb {recipe / 'spk1_b.wav'}\n")
        words[words.index("--output_dir") + 1] = str(targets)
    assert extract.main(words) != 0
    assert re.search(message, capsys.readouterr().err)
    assert not (recipe / "out").exists() and not list(recipe.rglob("extraction.json"))


def test_targets_of_another_rate_are_as_long_in_seconds(recipe, capsys):
    def target(number: int) -> None:
        write_signal(recipe / "spk1_a.wav", 0.1 * np.random.default_rng(9).standard_normal(number), 8000)

    target(4400)
    assert extract.main(command(recipe, *oracle(recipe))) != 0
    assert "the target of 'a' has 8800 samples and its mixture 9000" in capsys.readouterr().err
    assert not (recipe / "out").exists()
    target(4500)
    assert extract.main(command(recipe, *oracle(recipe))) == 0


def test_one_mixture_takes_no_list_of_targets(recipe, capsys):
    with pytest.raises(SystemExit):
        extract.main(["m.wav", "e.wav", "-o", "x.wav", "--oracle_target_scp", "spk1.scp"])
    assert "--oracle_target_scp goes with --mixture_scp" in capsys.readouterr().err


def test_a_row_of_one_chunk_beside_one_of_several(recipe):
    for name in ("wav", "enroll_spk1", "spk1"):
        write_signal(recipe / f"{name}_b.wav", 0.1 * np.random.default_rng(len(name)).standard_normal(3000))
    for output, size in (("together", "2"), ("alone", "1")):
        assert extract.main(command(recipe, *oracle(recipe), "--batch_size", size, output=output)) == 0
    for key in KEYS:
        both = [read_audio(recipe / folder / f"{key}.wav")[0] for folder in ("together", "alone")]
        np.testing.assert_allclose(*both, atol=1e-3)


NO_TRUTH = [
    ({}, [0.1], "these settings read no true targets"),
    (
        {"ratio": "oracle"},
        None,
        r"these settings read the true targets; give them: Extractor.extract\(..., targets",
    ),
    ({"ratio": "oracle"}, [np.nan], "the true target of 'a' holds NaN"),
    ({"ratio": "oracle"}, [3000.0], "the true target of 'a' reaches 3000, while full scale is 1"),
]


@pytest.mark.parametrize("settings, target, message", NO_TRUTH)
def test_what_is_no_truth_is_refused_by_the_python_interface(recipe, settings, target, message):
    mixture = 0.1 * np.random.default_rng(0).normal(size=4000).astype(np.float32)
    targets = None if target is None else [np.full(4000, *target, dtype=np.float32)]
    with pytest.raises(DataError, match=message):
        Extractor.from_pretrained(recipe / "exp" / "tse_nano", settings).extract(
            [mixture], [mixture], ["a"], targets=targets
        )


def test_a_call_has_no_truth_for_settings_that_read_it(recipe):
    mixture = 0.1 * np.random.default_rng(0).normal(size=4000).astype(np.float32)
    extractor = Extractor.from_pretrained(recipe / "exp" / "tse_nano", {"ratio": "oracle"})
    with pytest.raises(DataError, match="these settings read the true targets"):
        extractor(mixture, mixture, extractor.sample_rate)


def test_lists_have_one_length(recipe):
    mixture = 0.1 * np.random.default_rng(0).normal(size=4000).astype(np.float32)
    for mixtures, enrollments, keys in (([mixture] * 2, [mixture], ["a", "b"]), ([], [], [])):
        with pytest.raises(DataError, match="want to be the same number, and at least one"):
            Extractor.from_pretrained(recipe / "exp" / "tse_nano", {}).extract(mixtures, enrollments, keys)
