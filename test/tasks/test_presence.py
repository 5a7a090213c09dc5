"""What ``extract`` says of enrollments and of the enrolled voice."""

import json
from dataclasses import asdict, replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from nano_extractors import nano_extractor, write_extractor
from tse_system import write_signal

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E, SpeakerGE2EConfig
from espnet_tse.io.scp import DataError, write_scp
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.schema.presence import Presence, PresenceThreshold
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.presence import packaged_speaker_encoder, read_threshold
from espnet_tse.tasks.presence_calibration import calibrate, equal_error, trials
from espnet_tse.tasks.presence_record import PRESENCE, tell_of_quiet
from espnet_tse.tasks.shipped import BASE

RATE = 16000
THRESHOLD = PresenceThreshold("level_db", -100.0, 0.1, 0.2, 60, 240)


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def voice(seed: int, seconds: float = 2.5) -> np.ndarray:
    """Noise at four syllables a second: what does not change is no speech."""
    signal = noise(seed, seconds)
    return signal * np.cos(4 * np.pi * np.arange(len(signal)) / RATE).astype(np.float32)


@pytest.fixture
def system(tmp_path):
    """A folder with a threshold that every output passes."""
    folder = write_extractor(tmp_path / "tse_bsrnn", "bsrnn")
    (folder / "manifest.json").write_text(json.dumps({"presence": asdict(THRESHOLD)}))
    return folder


def record_of(folder) -> dict[str, dict]:
    rows = [json.loads(line) for line in (folder / PRESENCE).read_text().splitlines()]
    return {row.pop("key"): row for row in rows}


def lists(folder, enrollments: dict[str, np.ndarray], **seconds: float) -> list[str]:
    for key, enrollment in enrollments.items():
        write_signal(folder / f"{key}_mixture.wav", noise(len(key), seconds.get(key, 2.1)))
        write_signal(folder / f"{key}_enrollment.wav", enrollment)
    for kind in ("mixture", "enrollment"):
        write_scp(folder / f"{kind}.scp", {key: folder / f"{key}_{kind}.wav" for key in enrollments})
    return ["--mixture_scp", str(folder / "mixture.scp"), "--enroll_scp", str(folder / "enrollment.scp")]


@pytest.mark.skipif(find_spec("resemblyzer") is None, reason="resemblyzer has the weights to compare with")
def test_the_packaged_encoder_is_resemblyzers():
    encoder = SpeakerGE2E(SpeakerGE2EConfig())
    encoder.start_from_pretrained()
    heard = torch.from_numpy(noise(0)[None])
    vectors = [module(heard, None)[0] for module in (encoder, packaged_speaker_encoder("cpu"))]
    assert torch.nn.functional.cosine_similarity(*vectors, dim=0) > 0.9999


def extract_one(system, folder, enrollment: np.ndarray) -> None:
    """From 2.1 s of noise, with an enrollment (N_e,), by the command."""
    write_signal(folder / "mixture.wav", noise(1, 2.1))
    write_signal(folder / "enrollment.wav", enrollment)
    files = [str(folder / f"{name}.wav") for name in ("mixture", "enrollment", "out")]
    assert extract.main([*files[:2], "-o", files[2], "--model", str(system)]) == 0


def test_one_file_is_told_of(system, tmp_path, caplog):
    caplog.set_level("INFO")
    extract_one(system, tmp_path, np.concatenate([voice(2, 2.5), np.zeros(40000)]))
    assert (
        "enrollment: 5.0 s, 50 % speech; output has the enrolled voice: likely (similarity 0." in caplog.text
    )
    assert "wrong for 20 % of test mixtures without it" in caplog.text
    assert "below 1 s" not in caplog.text


def test_a_short_enrollment_gets_a_warning_and_no_verdict(system, tmp_path, caplog):
    caplog.set_level("INFO")
    extract_one(system, tmp_path, np.concatenate([voice(2, 0.5), np.zeros(8000)]))
    assert (
        "enrollment: 1.0 s, 50 % speech; whether the output has the enrolled voice cannot be said"
        in caplog.text
    )
    assert f"the enrollment {tmp_path / 'enrollment.wav'} has 0.5 s of speech; below 1 s" in caplog.text


def test_a_list_has_a_record_that_shards_join(system, tmp_path, caplog):
    caplog.set_level("INFO")
    # One row is longer than a chunk.
    words = lists(tmp_path, {"a": voice(1), "bb": voice(2, 0.3), "ccc": voice(3)}, ccc=16.0)
    words += ["--model", str(system), "--output_dir", str(tmp_path / "out")]
    for shard in ("1/2", "2/2"):
        assert extract.main([*words, "--shard", shard]) == 0
    assert "the enrollment of 'bb' has 0.3 s of speech; below 1 s" in caplog.text
    assert extract.main([*words, "--merge", "2"]) == 0
    record = record_of(tmp_path / "out")
    assert list(record) == ["a", "bb", "ccc"] and [row["present"] for row in record.values()] == [
        True,
        None,
        True,
    ]
    assert [row["enrollment_s"] for row in record.values()] == [2.5, 0.3, 2.5]
    assert all(-1 <= row["similarity"] <= 1 and -100 < row["level_db"] < 20 for row in record.values())


def test_a_resumed_list_keeps_what_is_known(system, tmp_path):
    words = lists(tmp_path, {"a": noise(1), "bb": noise(2)})
    words += ["--model", str(system), "--output_dir", str(tmp_path / "out"), "--batch_size", "1"]
    assert extract.main(words) == 0
    before = record_of(tmp_path / "out")
    (tmp_path / "out" / "bb.wav").unlink()
    with (tmp_path / "out" / PRESENCE).open("a") as file:
        file.write('{"key": "bb", "enrol')  # killed while it wrote
    assert extract.main(words) == 0
    assert record_of(tmp_path / "out") == before
    rows = (tmp_path / "out" / PRESENCE).read_text().splitlines(keepends=True)
    (tmp_path / "out" / PRESENCE).write_text(
        rows[0]
    )  # killed behind the file of the second, while it compared the voices
    assert extract.main(words) == 0
    assert record_of(tmp_path / "out") == before
    for key in before:
        (tmp_path / "out" / f"{key}.wav").unlink()
    (tmp_path / "out" / PRESENCE).write_text('{"key": "a", "enrol')  # killed in its first line
    assert extract.main(words) == 0
    assert record_of(tmp_path / "out") == before


def test_a_shorter_list_in_between_costs_nothing(system, tmp_path, caplog):
    caplog.set_level("INFO")
    words = lists(tmp_path, {"a": voice(1), "bb": voice(2, 0.3)})
    words += ["--model", str(system), "--output_dir", str(tmp_path / "out")]
    whole, before = (tmp_path / "mixture.scp").read_text(), None
    for lines, told in ((whole, "2 of 2"), (whole.splitlines()[0], "0 of 1"), (whole, "0 of 2")):
        (tmp_path / "mixture.scp").write_text(lines)
        caplog.clear()
        assert extract.main(words) == 0 and f"{told} mixtures to extract" in caplog.text
        # Of the list alone something is said.
        assert ("the enrollment of 'bb' has" in caplog.text) == (lines == whole)
        before = before or record_of(tmp_path / "out")
        assert record_of(tmp_path / "out") == before and set(before) == {"a", "bb"}
    (tmp_path / "mixture.scp").write_text(whole.splitlines()[0])
    (tmp_path / "out" / "bb.wav").unlink()  # of what is gone nothing is known
    assert extract.main(words) == 0 and list(record_of(tmp_path / "out")) == ["a"]


@pytest.mark.parametrize(
    "level_db, present, level, told",
    [
        (-44.0, True, "none", True),
        (-24.0, True, "none", False),
        (-44.0, False, "none", False),
        (-44.0, None, "none", False),
        (-44.0, True, "mixture_rms", False),
    ],
)
def test_quiet_outputs_with_the_voice_can_be_turned_up(caplog, level_db, present, level, told):
    caplog.set_level("INFO")
    quiet = Presence(4.0, 4.0, 0.9, level_db, present)
    tell_of_quiet({"out.wav": quiet, "loud.wav": replace(quiet, level_db=-3.0)}, level)
    assert bool(caplog.records) == told
    if told:
        assert caplog.messages[0].startswith("out.wav: more than 25 dB below the mixture; level: mixture_rms")
        tell_of_quiet({"output of 'a'": quiet, "output of 'bb'": quiet}, level)
        assert caplog.messages[1].startswith("output of 'a' and 1 other outputs: more than 25 dB")


def test_a_quiet_output_is_told_of_by_the_command(system, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setattr("espnet_tse.tasks.presence_record.QUIET_DB", 100.0)
    (tmp_path / "none.yaml").write_text("level: none\n")
    words = lists(tmp_path, {"a": voice(1)})
    words += ["--inference_config", str(tmp_path / "none.yaml"), "--output_dir", str(tmp_path / "out")]
    assert extract.main([*words, "--model", str(system)]) == 0
    assert "output of 'a': more than" in caplog.text


def test_lists_of_systems_without_a_verdict_compare_no_voices(system, tmp_path, monkeypatch, caplog):
    (system / "manifest.json").unlink()
    monkeypatch.setattr(SpeakerGE2E, "forward", lambda *args: pytest.fail("the encoder was run"))
    words = lists(tmp_path, {"a": voice(1), "bb": voice(2, 0.3)}, bb=16.0)
    assert extract.main([*words, "--model", str(system), "--output_dir", str(tmp_path / "out")]) == 0
    record = record_of(tmp_path / "out")
    assert all(row["similarity"] is row["present"] is None for row in record.values())
    assert (
        record["bb"]["speech_s"] == pytest.approx(0.3) and "the enrollment of 'bb' has 0.3 s" in caplog.text
    )


def test_python_tells_the_same_with_and_without_restored_levels():
    model, signals = Discriminative(nano_extractor("bsrnn")), (
        [noise(1), noise(2, 1.0)],
        [noise(3), noise(4)],
    )
    found = []
    for level in ("mixture_rms", "none"):
        extractor = Extractor(model, {"level": level})
        estimate = extractor.extract(*signals, ["a", "b"])
        found.append(extractor.presence(estimate, signals[1]))
        rms = float(estimate.waveform[0].square().mean().sqrt()) / np.sqrt(np.mean(signals[0][0] ** 2))
    for restored, plain in zip(*found):
        assert restored.level_db == pytest.approx(plain.level_db) and restored.present is None
        assert restored.similarity == pytest.approx(plain.similarity, abs=1e-3)
    assert found[1][0].level_db == pytest.approx(20 * np.log10(rms), abs=0.01)


def test_a_packed_system_keeps_its_threshold_with_its_weights(tmp_path):
    archive = tmp_path / "system.zip"
    pack(BASE, archive)
    assert Extractor.from_pretrained(archive).model.presence_threshold == read_threshold(BASE) is not None


@pytest.mark.parametrize("settings", [{"against_rest": False}, {"speeds": [1.0]}])
def test_there_is_no_verdict_on_estimates_of_other_passes_than_were_calibrated(settings):
    assert not Extractor.from_pretrained(None, settings).tells_presence
    assert Extractor.from_pretrained(None, {"level": "none", "max_chunk_s": 10.0}).tells_presence


def test_as_many_enrollments_as_estimates_that_are_speech_are_wanted(system):
    extractor = Extractor.from_pretrained(system)
    signals = [np.random.default_rng(seed).normal(0, 0.1, 8000).astype(np.float32) for seed in range(2)]
    estimate = extractor.extract(signals[:1], signals[1:], ["a"])
    with pytest.raises(DataError, match="2 enrollments of 1 estimates"):
        extractor.presence(estimate, signals)
    with pytest.raises(DataError, match="the enrollment is digital silence"):
        extractor.presence(estimate, [np.zeros(8000, np.float32)])


def test_a_threshold_that_is_none_is_refused(system):
    (system / "manifest.json").write_text(json.dumps({"presence": {"measure": "similarity"}}))
    with pytest.raises(
        ValueError, match=r"manifest.json: presence: has measure, wants measure, threshold, .* again"
    ):
        read_threshold(system)


# --- Calibration ---------------------------------------------------------------------------------------------


def test_errors_are_equal_at_the_threshold():
    present, absent = np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, 0.5, 2.0, 3.5])
    assert 2.0 < equal_error(present, absent) < 3.5  # one of four on each side
    assert equal_error(present + 10, absent) == 7.25


@pytest.fixture
def dataset(tmp_path):
    """Five mixtures of A to E, each with the next speaker as interferer."""
    speakers = "ABCDE"
    for number, name in enumerate(speakers):
        for kind in ("mixture", "enrollment"):
            write_signal(tmp_path / f"{kind}_{name}.wav", noise(number, 0.5))
    lists = {
        "wav.scp": {name: tmp_path / f"mixture_{name}.wav" for name in speakers},
        "enroll_spk1.scp": {name: tmp_path / f"enrollment_{name}.wav" for name in speakers},
        "utt2spk": {name: f"speaker{name}" for name in speakers},
        "utt2interferer": {name: f"speaker{speakers[(n + 1) % 5]}" for n, name in enumerate(speakers)},
    }
    for name, entries in lists.items():
        write_scp(tmp_path / name, entries)
    return tmp_path


def test_absent_rows_are_enrolled_by_third_speakers(dataset):
    rows = list(trials(dataset, 3))
    assert len(rows) == 20 and [row.present for row in rows[:5]] == [True, False, False, False, True]
    assert [row.enrollment[-5] for row in rows[:8]] == list("ACDEBDEA")
    with pytest.raises(ValueError, match="beside the speakers of 'A' there are 3 enrolled ones, want 4"):
        list(trials(dataset, 4))


def test_the_measure_that_separates_is_chosen(dataset, monkeypatch):
    # An enrollment of the mixture's own number gives a loud output.
    extractor = Extractor(Discriminative(nano_extractor("bsrnn")))
    monkeypatch.setattr(Extractor, "presence", lambda self, estimate, enrollments: [Told(next(levels))])
    levels = iter([*([-3.0, -40.0, -35.0] * 5), *([-3.0, -2.0, -50.0] * 5)])
    found = calibrate(extractor, dataset, dataset, absent=2)
    assert found == PresenceThreshold("level_db", -19.0, 0.0, 0.5, 5, 10)


class Told:
    similarity = 0.5

    def __init__(self, level_db):
        self.level_db = level_db
