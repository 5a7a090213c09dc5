"""The synthesised corpus in LibriSpeech's layout, as mini_librispeech reads it."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

pytest.importorskip("espeakng_loader", reason="the corpus is synthesised with it: pip install -e '.[synth]'")
ROOT = Path(__file__).parents[2]


def synthesise(folder: Path) -> str:
    """What the program prints; in a process of its own, as espeak-ng keeps state."""
    program = [sys.executable, str(ROOT / "test" / "librispeech_stand_in.py"), str(folder)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "stand_in"
    assert "20 speakers, 80 utterances" in synthesise(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["stand_in"]  # nothing half done is left
    return folder


def test_the_recipe_finds_its_sets_in_it(corpus, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "egs2" / "mini_librispeech" / "tse1" / "local"))
    split = importlib.import_module("librispeech_split")
    sys.modules.pop("librispeech_split")
    utterances = split.find_utterances(corpus)
    sets = split.split_speakers(utterances)
    assert {name: len(speakers) for name, speakers in sets.items()} == {"train": 12, "dev": 4, "test": 4}
    assert all(len(u.text.split()) in (6, 12) for u in utterances)  # the transcripts are found, too
    for utterance in utterances:
        info = soundfile.info(utterance.path)
        assert (info.samplerate, info.channels, info.format) == (16000, 1, "FLAC")
    for speaker in sets["dev"] | sets["test"]:
        # Targets and enrollments last two seconds at least and are different utterances.
        durations = [soundfile.info(u.path).duration for u in utterances if u.speaker == speaker]
        assert len(durations) == 4 and sorted(durations)[-2] > 3 and max(durations) < 6


def test_it_is_the_same_always_and_made_once(corpus, tmp_path):
    before = files_of(corpus)
    synthesise(tmp_path / "again")
    assert before == files_of(tmp_path / "again")
    (corpus / "mark").touch()
    assert "there already" in synthesise(corpus)
    assert (corpus / "mark").exists()
