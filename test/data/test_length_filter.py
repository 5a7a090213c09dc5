"""Removing short and long utterances."""

import pytest
from system_files import leave_system_files

from espnet_tse.data.length_filter import filter_by_length
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import DataError, read_scp, write_scp


def test_all_lists_lose_the_same_keys(dirs):
    directory = dirs.tse(num_rows=4, length=8000)  # 1.0, 1.0125, 1.025, 1.0375 s
    keys = sorted(
        read_scp(directory / "utt2num_samples"), key=lambda k: int(read_scp(directory / "utt2num_samples")[k])
    )
    leave_system_files(directory)
    counts = filter_by_length(directory, 1.005, 1.03)
    assert counts == {"kept": 2, "too short": 1, "too long": 1}
    for name in ("wav.scp", "spk1.scp", "spk2.scp", "enroll_spk1.scp", "utt2spk", "utt2num_samples"):
        assert set(read_scp(directory / name)) == set(keys[1:3])
        assert len(read_scp(directory / ".unfiltered" / name)) == 4
    assert validate_dir(directory).num_errors == 0


def test_lists_of_other_things_stay(dirs):
    directory = dirs.tse(num_rows=4, length=8000)
    write_scp(directory / "noises.scp", {"rain": "/noise/rain.wav"})
    filter_by_length(directory, 1.005, 1.03)
    assert read_scp(directory / "noises.scp") == {"rain": "/noise/rain.wav"}


def test_wider_bounds_bring_keys_back(dirs):
    directory = dirs.tse(num_rows=4, length=8000)
    before = {path.name: path.read_text() for path in directory.iterdir()}
    filter_by_length(directory, 1.005, 1.03)
    assert filter_by_length(directory, 0.1, 20)["kept"] == 4
    assert {path.name: path.read_text() for path in directory.iterdir() if path.is_file()} == before


def test_lists_that_were_edited_are_what_the_next_run_starts_from(dirs, caplog):
    directory = dirs.tse(num_rows=4, length=8000)
    filter_by_length(directory, 1.005, 20)
    filter_by_length(directory, 1.005, 20)
    assert not caplog.messages
    gone = next(iter(read_scp(directory / "wav.scp")))
    for path in [*directory.glob("*.scp"), directory / "utt2spk", directory / "utt2num_samples"]:
        write_scp(path, {key: value for key, value in read_scp(path).items() if key != gone})
    assert filter_by_length(directory, 0.1, 20)["kept"] == 2
    assert gone not in read_scp(directory / "wav.scp") and validate_dir(directory).num_errors == 0
    assert "enroll_spk1.scp, spk1.scp" in caplog.text and "edited since the last filter" in caplog.text
    assert len(read_scp(directory / ".unfiltered.old.1" / "wav.scp")) == 4
    # Narrower and wider bounds again: the edited lists are the originals now.
    assert filter_by_length(directory, 0.1, 1.03)["kept"] < 2
    assert filter_by_length(directory, 0.1, 20)["kept"] == 2


def test_lists_of_a_run_that_was_killed_while_it_wrote_are_not_taken_for_edited(dirs, monkeypatch):
    directory = dirs.tse(num_rows=4, length=8000)
    filter_by_length(directory, 1.005, 20)
    monkeypatch.setattr("espnet_tse.data.length_filter.turned_round", lambda utt2spk: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        filter_by_length(directory, 1.005, 1.03)
    monkeypatch.undo()
    assert filter_by_length(directory, 0.1, 20)["kept"] == 4


def test_a_speaker_needs_another_utterance_to_enroll_with(dirs):
    directory = dirs.source({"a": [800, 4000, 4000], "b": [800, 4000], "c": [4000, 4000]})
    counts = filter_by_length(directory, 0.2, 20)
    assert counts == {"kept": 4, "too short": 2, "too long": 0, "of speakers with a single utterance left": 1}
    restored = dirs.source({"a": [4000], "b": [4000]}, "tasks: {sr: 1}\n", "restored")
    assert filter_by_length(restored, 0.2, 20)["kept"] == 2
    assert sorted(read_scp(directory / "wav.scp")) == ["a-1", "a-2", "c-0", "c-1"]
    assert validate_dir(directory).num_errors == 0


def test_faults(dirs):
    directory = dirs.source({"a": [800, 900], "b": [800, 900]})
    with pytest.raises(DataError, match=r"that last 5 to 9 s: 4 too short, .*\(all last 0.10 to 0.11 s\)"):
        filter_by_length(directory, 5, 9)
    other = dirs.source({"a": [800, 900], "b": [800, 900]}, name="other")
    write_scp(other / "utt2num_samples", {"a-0": 800})
    with pytest.raises(DataError, match="wav.scp and utt2num_samples differ, first .*a-1"):
        filter_by_length(other, 0, 9)
