"""The commands of doc/scoring.md, run as they stand there."""

import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from espnet_tse.bin.score import main
from espnet_tse.report.collect import collect_results, group_comparable
from espnet_tse.scoring.run import job_pool
from test.scoring.test_honesty import write

PAGE = Path(__file__).parents[2] / "doc" / "scoring.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


@pytest.fixture
def folder(tmp_path, monkeypatch, speech, other_speech, noise):
    """The files that the page names; "c" has no target."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job_pool, "MIN_UTTERANCES_PER_JOB", 1)
    parts = {"a": slice(0, 32000), "b": slice(16000, 56000)}
    sources = {key: (speech[part], other_speech[part], noise[part]) for key, part in parts.items()}
    audio = {
        "test/spk1": {key: target for key, (target, _, _) in sources.items()},
        "test/spk2": {key: other for key, (_, other, _) in sources.items()},
        "test/wav": {key: target + other for key, (target, other, _) in sources.items()}
        | {"c": other_speech[:32000]},
        "test/enroll_spk1": dict.fromkeys("abc", speech[40000:72000]),
        "theirs/wav": {key: target + hiss for key, (target, _, hiss) in sources.items()}
        | {"c": np.zeros(32000)},
        "ours/wavs": {f"{key}_est": target + 0.3 * other for key, (target, other, _) in sources.items()},
    }
    for name, signals in audio.items():
        Path(name).mkdir(parents=True)
        lines = [f"{key} {write(f'{name}/{key}.wav', samples)}\n" for key, samples in signals.items()]
        Path(f"{name}.scp").write_text("".join(lines))
    texts = {
        "test/text": "a one two\nb three four\n",
        "test/text_spk2": "a five six\nb seven four\n",
        "theirs/text": "a one two six\nb three four\nc\n",
        "test/utt2spk": "a s1\nb s2\nc s1\n",
        "test/absent": "c\n",
        "test/utt2activity": "a 0-2\nb 0-1.2 1.5-2.5\nc none\n",
        "theirs/versa.jsonl": '{"key": "a", "utmos": 3.0}\n{"key": "b", "utmos": 2.5}\n',
    }
    for name, text in texts.items():
        Path(name).write_text(text)
    return tmp_path


def test_the_commands_of_the_page_run(folder, capsys):
    found = commands()
    assert len(found) == 10
    for command in found:
        assert command[:2] == ["espnet-tse", "score"]
        assert main(command[2:]) == 0, command

    theirs, ours, external, absent, real, array = (
        json.loads(Path(name, "result.json").read_text())
        for name in (
            "theirs/scoring",
            "ours/scoring",
            "theirs/scoring_versa",
            "theirs/scoring_absent",
            "theirs/scoring_real",
            "theirs/array",
        )
    )
    assert theirs["meta"]["system"] == "Theirs" and theirs["coverage"]["expected"] == 2
    assert theirs["wer"]["wer_external"]["corpus"] == 0.25  # one word too many
    assert theirs["wer"]["leak_external"]["corpus"] == 1 / 3  # six, of five, six and seven
    assert {"overlap", "input_sir", "enrollment", "duration"} == set(theirs["buckets"])
    # What the page scores for one system only does not part them, in the report as in the comparison.
    groups = group_comparable(collect_results(None, [Path("theirs"), Path("ours")]))
    assert [[result.system for result in group.results] for group in groups] == [["Ours", "Theirs"]]
    assert theirs["meta"]["protocol"]["reference_sha256"] == ours["meta"]["protocol"]["reference_sha256"]
    lines = {
        line["metric"]: line for line in json.loads(Path("comparison/compare.json").read_text())["lines"]
    }
    assert lines["si_sdr"]["test"]["pairs"] == 2 and lines["si_sdr"]["test"]["p_value"] == 0.5
    assert external["metrics"]["their_utmos"]["mean"] == 2.75
    assert external["metrics"]["their_utmos"]["higher_is_better"] is True
    assert os.listdir("theirs/versa") and "versa/bin/scorer.py" in capsys.readouterr().out
    assert absent["metrics"]["absent_leak"]["mean"] == -100.0 and absent["coverage"]["target_absent"] == 1
    assert absent["metrics"]["si_sdr"]["n_expected"] == 2 and absent["metrics"]["si_sdr"]["n_excluded"] == 0
    assert real["metrics"]["timing_f1"]["n"] == 2 and real["metrics"]["absent_leak"]["mean"] == -100.0
    assert array["metrics"]["si_sdr"]["mean"] == theirs["metrics"]["si_sdr"]["mean"]
