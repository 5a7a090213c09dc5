"""Kaldi names on disk, rows in memory."""

import json

import pytest

from espnet_tse.data.scp_fields import (
    DynamicEnrollment,
    Regions,
    is_source_dir,
    read_regions,
    read_source_dir,
    read_speaker_enrollments,
    read_tse_dir,
)
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import DataError, read_scp, write_scp


def test_rows_of_a_tse_dir(dirs):
    directory = dirs.tse(num_rows=3)
    rows = read_tse_dir(directory)
    assert [row.key for row in rows] == sorted(read_scp(directory / "wav.scp"))
    assert rows[0].target == read_scp(directory / "spk1.scp")[rows[0].key]
    assert rows[0].interferers == (read_scp(directory / "spk2.scp")[rows[0].key],)
    assert rows[0].speaker == read_scp(directory / "utt2spk")[rows[0].key]
    assert not is_source_dir(directory)


def test_a_set_to_extract_needs_no_target(dirs):
    directory = dirs.tse()
    (directory / "spk1.scp").unlink()
    assert all(row.target is None for row in read_tse_dir(directory))


def test_starred_enrollment(dirs):
    directory = dirs.tse(num_rows=1)
    key = next(iter(read_scp(directory / "wav.scp")))
    write_scp(directory / "enroll_spk1.scp", {key: "*uid7 speaker3"})
    assert read_tse_dir(directory)[0].enrollment == DynamicEnrollment("uid7", "speaker3")
    write_scp(directory / "enroll_spk1.scp", {key: "*uid7"})
    with pytest.raises(DataError, match=f"key '{key}': .*neither a path nor"):
        read_tse_dir(directory)


def test_a_missing_key_is_named(dirs):
    directory = dirs.tse()
    entries = read_scp(directory / "spk2.scp")
    gone = sorted(entries)[1]
    del entries[gone]
    write_scp(directory / "spk2.scp", entries)
    with pytest.raises(DataError, match=f"spk2.scp: lacks 1 of the 4 keys of wav.scp, first '{gone}'"):
        read_tse_dir(directory)


def test_empty_wav_scp(dirs):
    directory = dirs.tse()
    write_scp(directory / "wav.scp", {})
    with pytest.raises(DataError, match="is empty"):
        read_tse_dir(directory)


def test_source_dir(dirs):
    directory = dirs.source({"a": [100, 100], "b": [100]})
    paths, speakers = read_source_dir(directory)
    assert list(paths) == ["a-0", "a-1", "b-0"] and speakers["b-0"] == "b"
    assert is_source_dir(directory)
    write_scp(directory / "utt2spk", {"a-0": "a", "a-1": "a"})
    with pytest.raises(DataError, match="differ in 1 keys, first 'b-0'"):
        read_source_dir(directory)


def test_regions(tmp_path):
    write_scp(tmp_path / "utt2regions", {"k": "u 0 2.5 u 3.1 5", "l": "u 0 2 v 0 2", "m": "u 1 3 u 2 4"})
    regions = read_regions(tmp_path / "utt2regions")
    assert regions["k"] == Regions("u", 0.0, 2.5, "u", 3.1, 5.0)
    assert regions["k"].gap_s == pytest.approx(0.6)
    assert regions["l"].gap_s is None
    assert regions["m"].gap_s == pytest.approx(-1.0)
    write_scp(tmp_path / "utt2regions", {"k": "u 0 2.5"})
    with pytest.raises(DataError, match="key 'k': 'u 0 2.5' is not"):
        read_regions(tmp_path / "utt2regions")


def test_recordings_that_segments_cut_are_no_rows(dirs):
    for directory, read in ((dirs.tse(1), read_tse_dir), (dirs.source({"a": [100]}), read_source_dir)):
        (directory / "segments").write_text("u1 recording 0 3\n")
        for refused in (read, validate_dir):
            with pytest.raises(DataError, match="has segments.*run stage 2"):
                refused(directory)


def test_speaker_enrollments(tmp_path):
    path = tmp_path / "spk2enroll.json"
    path.write_text(json.dumps({"s": [["u1", "a.wav"], ["u2", "b.wav"]]}))
    assert read_speaker_enrollments(path) == {"s": [("u1", "a.wav"), ("u2", "b.wav")]}
    for content, message in (("{", "not JSON"), ("[1]", "wants"), ('{"s": ["u1"]}', "wants")):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            read_speaker_enrollments(path)
    path.write_bytes('{"s": [["u1", "é.wav"]]}'.encode("latin-1"))
    with pytest.raises(DataError, match="spk2enroll.json: not JSON in UTF-8"):
        read_speaker_enrollments(path)
    with pytest.raises(DataError, match="no such file, yet enroll_spk1.scp has"):
        read_speaker_enrollments(tmp_path / "other.json")
