"""Scoring without clean targets, by the times and the words that are known of real recordings."""

import json
from pathlib import Path

import numpy as np
import pytest

from espnet_tse.bin.score import main


@pytest.fixture
def recordings(write_set, tmp_path, speech, other_speech):
    """a: the target speaks from 0 to 2 s and the other one all the time; b: unknown when; c: the target says nothing."""
    half = np.where(np.arange(64000) < 32000, speech[:64000], 0)
    mixture = half + other_speech[:64000]
    write_set("mix", {"a": mixture, "b": mixture, "c": other_speech[:64000]})
    write_set("enroll", dict.fromkeys("abc", speech[30000:62000]))
    write_set("inf", {"a": half + 0.001 * other_speech[:64000], "b": half, "c": 0.01 * other_speech[:64000]})
    (tmp_path / "utt2activity").write_text("a 0-2\nb unknown\nc none\n")
    (tmp_path / "vad").write_text("a 0-1\nb 0-2\nc none\n")
    (tmp_path / "text").write_text("a one two three four\nb five six\n")
    (tmp_path / "heard").write_text("a one two four\nb five six\nc seven\n")
    return tmp_path


def score(folder: Path, *more: str, inf: str = "inf.scp") -> int:
    options = {"inf_scp": inf, "mix_scp": "mix.scp", "enroll_scp": "enroll.scp", "activity": "utt2activity"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(folder / value))]
    return main(
        [*words, "--output_dir", str(folder / "out"), "--preset", "real_tse", "--skip_unavailable", *more]
    )


def means(folder: Path) -> dict:
    result = json.loads((folder / "out" / "result.json").read_text())
    found = {name: entry["mean"] for name, entry in result["metrics"].items()}
    return found | {name: entry["corpus"] for name, entry in result["wer"].items()}


def test_words_times_voice_and_absence_without_a_target(recordings):
    texts = ("--text", str(recordings / "text"), "--asr", f"external:{recordings / 'heard'}")
    vad = ("--vad_activity", str(recordings / "vad"))
    assert (
        score(
            recordings, *texts, *vad, "--metrics=-dnsmos_p808,-spk_wespeaker_enroll,-spk_resemblyzer_enroll"
        )
        == 0
    )
    found = means(recordings)
    assert found["wer_external"] == pytest.approx(1 / 6)
    assert found["timing_f1"] > 0.95
    assert found["timing_f1_vad"] == pytest.approx(2 / 3, abs=0.01)
    assert found["pause_leak"] < -40
    assert found["absent_leak"] == pytest.approx(-40, abs=0.1)
    lines = map(json.loads, (recordings / "out" / "scores.jsonl").read_text().splitlines())
    assert {line["utt"]: line["timing_f1"] is None for line in lines} == {"a": False, "b": True, "c": True}
    # Another time is another score, though no file of audio has changed.
    (recordings / "utt2activity").write_text("a 2-4\nb unknown\nc none\n")
    assert score(recordings, "--asr", "none", "--metrics", "timing_f1,pause_leak") == 0
    assert means(recordings)["timing_f1"] < 0.1 and means(recordings)["pause_leak"] == 20.0


def test_faults_of_the_lists(recordings, capsys):
    def refused(*more: str, **lists: str) -> str:
        for name, text in lists.items():
            (recordings / name).write_text(text)
        assert score(recordings, "--asr", "none", "--metrics", "timing_f1", *more) == 1
        assert not (recordings / "out" / "result.json").exists()
        return capsys.readouterr().err

    assert "lacks 1 of 3 keys to score: b" in refused(utt2activity="a 0-2\nc none\n")
    assert "key 'b': '3' is no span of time" in refused(utt2activity="a 0-2\nb 3\nc none\n")
    activity = "a 0-2\nb unknown\nc none\n"
    assert "names 1 keys that speak" in refused(
        "--absent", str(recordings / "absent"), utt2activity=activity, absent="a\n"
    )
    command = ["--inf_scp", str(recordings / "inf.scp"), "--output_dir", str(recordings / "out")]
    assert main([*command, "--activity", str(recordings / "utt2activity")]) == 1
    assert "1 targets say nothing; their estimates are compared with the mixture" in capsys.readouterr().err
    assert main([*command, "--vad_activity", str(recordings / "vad")]) == 1
    assert "give --activity" in capsys.readouterr().err
    assert main([*command, "--metrics", "timing_f1"]) == 1
    assert "timing_f1 was asked for by name but needs --activity" in capsys.readouterr().err
