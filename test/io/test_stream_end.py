"""Lossy files that were cut, and files that were joined by cat; good ones of every kind are taken."""

import numpy as np
import pytest
import soundfile

from espnet_tse.io.audio_entry import AudioError, read_entry, read_info
from espnet_tse.io.stream_end import fault_at_end, length_by_xing, places_of

FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "wav": ("WAV", "PCM_16"),
}


def write(path, seconds: float = 4.0, seed: int = 0) -> bytes:
    """Noise, 16 kHz, mono."""
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16000))
    form, subtype = FORMATS[path.suffix[1:]]
    soundfile.write(path, samples, 16000, format=form, subtype=subtype)
    return path.read_bytes()


@pytest.fixture
def mp3(tmp_path) -> bytes:
    content = write(tmp_path / "a.mp3")
    assert length_by_xing(content[:4096]) == len(content)
    return content


@pytest.mark.parametrize("ending", FORMATS)
def test_good_files_are_taken_with_tags_behind_them_too(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    content = write(path)
    for behind in (b"", b"TAG".ljust(128, b" "), b"APETAGEX" + bytes(24) + b"TAG".ljust(128), bytes(1000)):
        path.write_bytes(content + behind)
        assert read_info(str(path)).num_samples == pytest.approx(64000, abs=2400)
        assert len(read_entry(str(path))[0]) == read_info(str(path)).num_samples


def test_the_end_of_an_mp3_by_its_own_header(tmp_path, mp3):
    path = tmp_path / "a.mp3"
    tag = b"ID3\3\0\0" + bytes([0, 0, 1, 0]) + bytes(128)  # 128 bytes, the size in 7 bits each
    for good in (mp3, tag + mp3, mp3 + b"TAG".ljust(128, b" ")):
        path.write_bytes(good)
        read_entry(str(path))
    for cut in (mp3[:-4000], tag + mp3[: len(mp3) // 2]):
        path.write_bytes(cut)
        for read in (read_info, read_entry):
            with pytest.raises(AudioError, match="a.mp3' is cut short; make or fetch it again"):
                read(str(path))
    for joined in (mp3 + mp3, tag + mp3 + tag + mp3):
        path.write_bytes(joined)
        with pytest.raises(AudioError, match="several streams after each other, of which only the first"):
            read_entry(str(path))


def test_an_mp3_without_that_header_is_taken_as_it_is(tmp_path, mp3):
    frame = mp3.index(b"Info") if b"Info" in mp3[:200] else mp3.index(b"Xing")
    plain = mp3[:frame] + b"none" + mp3[frame + 4 :]
    for content in (plain, plain[:-4000]):
        (tmp_path / "a.mp3").write_bytes(content)
        read_entry(str(tmp_path / "a.mp3"))


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_an_ogg_file_that_is_cut(tmp_path, caplog, ending):
    path = tmp_path / f"a.{ending}"
    content = write(path, 8.0)
    read_entry(str(path))
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(AudioError, match="is cut short"):
        read_info(str(path))
    assert not caplog.messages
    # Between two pages: as a broadcast that was recorded.
    path.write_bytes(content[: content.rindex(b"OggS")])
    for _ in range(2):
        read_entry(str(path))
    (message,) = caplog.messages
    assert message.startswith(f"{path} does not say that its last page is the last")


@pytest.mark.parametrize("ending", ["flac", "ogg", "opus", "wav"])
def test_joined_files(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    first, second = write(path), write(tmp_path / f"b.{ending}", 1.0, seed=1)
    for joined in (first + first, first + second):
        path.write_bytes(joined)
        with pytest.raises(AudioError, match="decode each to wav and join those"):
            read_info(str(path))
        with pytest.raises(AudioError, match="several streams"):
            read_entry(f"cat {path} |", pipes=True)


def test_ogg_streams_side_by_side_are_no_fault(tmp_path):
    """Their first pages come before any other page."""
    path = tmp_path / "a.ogg"
    content = write(path)
    page = bytearray(content[: content.index(b"OggS", 4)])
    page[14:18] = b"text"  # the serial number of another stream
    path.write_bytes(bytes(page) + content)
    with open(path, "rb") as file:
        assert fault_at_end(file, path.stat().st_size) is None


def test_entries_of_an_archive_lie_behind_each_other(tmp_path):
    one = write(tmp_path / "a.flac")
    (tmp_path / "x.ark").write_bytes(b"k " + one + b"l " + one)
    assert len(read_entry(f"{tmp_path / 'x.ark'}:2")[0]) == 64000


def test_a_marker_across_two_blocks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("espnet_tse.io.stream_end.BLOCK", 5)
    (tmp_path / "x").write_bytes(b"0123OggS89OggSOggS")
    with open(tmp_path / "x", "rb") as file:
        assert list(places_of(file, (b"OggS",), 1)) == [4, 10, 14]
        assert list(places_of(file, (b"OggS",), 5)) == [10, 14]
