"""The one door for audio: what people's lists name is read right, or refused by name."""

import io
import shlex
import sys

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_tse.io.audio_entry import AudioError, is_plain_file, read_blocks, read_entry, read_info, read_span

RATE = 8000
NOISE = np.round(np.random.default_rng(0).normal(0, 0.1, 3000) * 2**15) / 2**15


def encoded(samples=NOISE, kind="WAV", subtype="PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


def archive(tmp_path, *contents: bytes) -> list[str]:
    """Entries of an ark that holds ``contents`` one after the other, as Kaldi's wav-copy writes them."""
    path, written, entries = tmp_path / "a.ark", b"", []
    for number, content in enumerate(contents):
        written += f"key{number} ".encode()
        entries.append(f"{path}:{len(written)}")
        written += content
    path.write_bytes(written)
    return entries


def test_file_ark_and_pipe_give_the_same_samples(tmp_path):
    path = tmp_path / "with space.wav"
    path.write_bytes(encoded())
    [ark] = archive(tmp_path, encoded())
    copy = f"{sys.executable} -c 'import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())'"
    for entry in (str(path), ark, f"cat '{path}' |", f"cat '{path}' | {copy} | "):
        samples, rate = read_entry(entry, pipes=True)
        assert rate == RATE and samples.shape == (3000, 1)
        np.testing.assert_array_equal(samples[:, 0], NOISE)
        assert is_plain_file(entry) == (entry == str(path))


@pytest.mark.parametrize(
    "subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "PCM_U8"]
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_archive_holds_what_the_same_bytes_hold_as_a_file(tmp_path, subtype, wrapped):
    content = encoded(subtype=subtype)
    (tmp_path / "a.wav").write_bytes(content)
    expected, _ = read_entry(str(tmp_path / "a.wav"))
    if wrapped:  # kaldiio's own form, with the length ahead
        options = dict(write_function="soundfile", write_kwargs={"subtype": subtype})
        kaldiio.save_ark(
            str(tmp_path / "k.ark"),
            {"a": (RATE, NOISE), "b": (RATE, -NOISE)},
            str(tmp_path / "k.scp"),
            **options,
        )
        entries = [line.split()[1] for line in (tmp_path / "k.scp").read_text().splitlines()]
    else:
        entries = archive(tmp_path, content, encoded(-NOISE, subtype=subtype))
    first, second = (read_entry(entry)[0] for entry in entries)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_allclose(second, -NOISE[:, None], atol=0.02)
    assert read_info(entries[1]).subtype == subtype


@pytest.mark.parametrize("kind", ["FLAC", "NIST"])
def test_flac_and_sphere_in_an_archive(tmp_path, kind):
    for entry in archive(tmp_path, encoded(kind=kind), encoded(kind=kind)):
        np.testing.assert_array_equal(read_entry(entry)[0][:, 0], NOISE)
        assert read_info(entry).num_samples == 3000
        np.testing.assert_array_equal(read_span(entry, 100, 7, "float64")[0][:, 0], NOISE[100:107])


def test_faults_of_an_archive_are_named(tmp_path):
    entry, _ = archive(tmp_path, encoded(), b"PKL" + bytes(20))
    path = entry.rpartition(":")[0]
    cases = {
        f"{path}:3": "no audio begins at byte 3",
        f"{path}:99999999": "no audio begins at byte 99999999",
        archive(tmp_path, b"PKL" + bytes(20))[0]: "but a pickle",
        archive(tmp_path, b"\0BFM " + bytes(20))[0]: "but a matrix or vector",
        str(tmp_path / "none.ark:17"): "none.ark:17': no such file",
        archive(tmp_path, encoded())[0]: "is cut short, 1000 bytes are missing",
    }
    for bad, message in cases.items():
        if "cut short" in message:
            (tmp_path / "a.ark").write_bytes((tmp_path / "a.ark").read_bytes()[:-1000])
        elif bad.endswith(":5"):
            archive(tmp_path, b"PKL" + bytes(20) if "pickle" in message else b"\0BFM " + bytes(20))
        with pytest.raises(AudioError, match=message):
            read_entry(bad)


def without_total(flac: bytes) -> bytes:
    """A FLAC as it is written into a pipe: its header holds 0 for the number of samples, which stands for unknown."""
    changed = bytearray(flac)
    changed[21] &= 0xF0  # 36 bits: the low four of byte 13 of STREAMINFO and the four bytes behind
    changed[22:26] = bytes(4)
    return bytes(changed)


@pytest.mark.parametrize("sizes", [(0x7FFFF024, 0x7FFFF000), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0), (36, 0)])
def test_a_wav_without_true_sizes_hides_the_entries_behind_it(tmp_path, sizes):
    content = bytearray(encoded())
    content[4:8], content[40:44] = (size.to_bytes(4, "little") for size in sizes)
    first, second = archive(tmp_path, bytes(content), encoded())
    with pytest.raises(AudioError, match=f"{first}': the header of this WAV does not say how long it is"):
        read_entry(first)
    np.testing.assert_array_equal(read_entry(second)[0][:, 0], NOISE)


def test_flac_without_its_length(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(without_total(encoded(kind="FLAC")))
    info = read_info(str(path))
    assert info.num_samples == 3000 and not info.seekable
    np.testing.assert_array_equal(read_entry(str(path))[0][:, 0], NOISE)
    np.testing.assert_array_equal(read_span(str(path), 2990, 100, "float64")[0][:, 0], NOISE[2990:])


def test_mp3_whose_length_is_an_estimate(tmp_path):
    quiet_then_loud = np.concatenate([np.zeros(40000), np.random.default_rng(1).normal(0, 0.2, 40000)])
    content = encoded(quiet_then_loud, "MP3", "MPEG_LAYER_III")
    following = content.index(content[:2], 4)  # the first frame holds the length
    (tmp_path / "a.mp3").write_bytes(content[following:])
    samples, _ = read_entry(str(tmp_path / "a.mp3"))
    assert abs(len(samples) - 80000) < 3000
    assert read_info(str(tmp_path / "a.mp3")).num_samples == len(samples)


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_a_span_is_that_of_a_whole_read(tmp_path, subtype):
    # Speech-like: noise whose level and colour change, after which decoders that seek are still at another state.
    times = np.arange(48000) / 48000
    voice = np.sin(2 * np.pi * 150 * times) * np.sin(2 * np.pi * 4 * times) ** 2 * 0.5
    soundfile.write(tmp_path / "a.ogg", voice, 48000, format="OGG", subtype=subtype)
    whole = read_entry(str(tmp_path / "a.ogg"), "float32")[0]
    np.testing.assert_array_equal(read_span(str(tmp_path / "a.ogg"), 20000, 5000)[0], whole[20000:25000])
    assert read_info(str(tmp_path / "a.ogg")).seekable == (subtype == "VORBIS")


@pytest.mark.parametrize(
    "sizes", [(0, 0), (36, 0), (0xFFFFFFFF, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0xFFFFFFFF)]
)
def test_wav_whose_sizes_were_never_filled_in(tmp_path, sizes):
    content = bytearray(encoded())
    content[4:8], content[40:44] = (size.to_bytes(4, "little") for size in sizes)
    (tmp_path / "a.wav").write_bytes(content)
    for entry in (str(tmp_path / "a.wav"), f"cat {tmp_path}/a.wav |"):
        np.testing.assert_array_equal(read_entry(entry, pipes=True)[0][:, 0], NOISE)
    assert read_info(str(tmp_path / "a.wav")).num_samples == 3000


def test_an_empty_wav_with_other_chunks_is_empty(tmp_path):
    content = bytearray(encoded(np.zeros(0)) + b"LIST" + (4).to_bytes(4, "little") + b"INFO")
    content[4:8] = (len(content) - 8).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    assert read_info(str(tmp_path / "a.wav")).num_samples == 0


def test_a_wav_that_says_0_bytes_of_samples_and_a_true_size_of_all_holds_those_that_follow(tmp_path):
    """As some writers leave it that fill in the file's size alone."""
    content = bytearray(encoded())
    content[40:44] = bytes(4)
    (tmp_path / "a.wav").write_bytes(content)
    np.testing.assert_array_equal(read_entry(str(tmp_path / "a.wav"))[0][:, 0], NOISE)


def test_samples_without_a_header(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    with pytest.raises(AudioError, match="a.raw' has no header.*sox -t raw"):
        read_info(str(tmp_path / "a.raw"))
    (tmp_path / "my a.raw").write_bytes(bytes(1000))
    with pytest.raises(AudioError, match="-c 1 '.*/my a.raw' -t wav -"):  # a shell takes it as one word
        read_info(str(tmp_path / "my a.raw"))
    (tmp_path / "b.raw").write_bytes(encoded())  # what is inside counts
    assert read_info(str(tmp_path / "b.raw")).num_samples == 3000


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "RF64", "W64", "AIFF", "AU", "NIST", "CAF"])
def test_files_that_are_cut_short(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    content = encoded(kind=kind)
    path.write_bytes(content)
    assert len(read_entry(str(path))[0]) == 3000
    path.write_bytes(content[: len(content) // 2])
    for read in (read_entry, lambda entry: read_entry(f"cat {entry} |", pipes=True)):
        with pytest.raises(AudioError, match="is cut short|cannot be read as audio"):
            read(str(path))


@pytest.mark.parametrize(
    "kind, place, unknown",
    [
        ("AIFF", 4, b"\0\0\0\0"),
        ("AIFF", 4, b"\x7f\0\0\x08"),
        ("AU", 8, b"\xff" * 4),
        ("W64", 16, b"\xff" * 8),
    ],
)
def test_sizes_that_are_not_known_are_no_cut(tmp_path, kind, place, unknown):
    content = bytearray(encoded(kind=kind))
    content[place : place + len(unknown)] = unknown
    (tmp_path / "a").write_bytes(content)
    assert len(read_entry(str(tmp_path / "a"))[0]) == 3000


@pytest.mark.parametrize("kind, subtype", [("WAV", "GSM610"), ("AU", "G721_32")])
def test_codecs_of_telephony_that_cannot_seek(tmp_path, kind, subtype):
    path = str(tmp_path / "call")
    soundfile.write(path, 0.3 * np.sin(np.arange(160000) / 20), 8000, format=kind, subtype=subtype)
    whole = read_entry(path, "float32")[0]
    assert len(whole) == read_info(path).num_samples >= 160000 and not read_info(path).seekable
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path))), whole)
    np.testing.assert_array_equal(read_span(path, 70000, 500)[0], whole[70000:70500])


@pytest.mark.parametrize("name", ["voice memo.m4a", "call.amr"])
def test_a_format_that_is_not_read_comes_with_the_command_that_converts_it(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(range(256)))
    with pytest.raises(AudioError) as caught:
        read_entry(str(path))
    told = str(caught.value)
    assert (
        told.count("Format not recognised") == 1
        and f"ffmpeg -i {shlex.quote(str(path))} -ac 1 OUT.wav" in told
    )


@pytest.mark.parametrize(
    "entry, message",
    [
        ("nowhere.wav", "'nowhere.wav': no such file; relative paths start at"),
        ("/", "is a folder"),
        ("no-such-command x |", "the command 'no-such-command' is not installed"),
        ("echo no audio |", "cannot be read as audio"),
        ("true |", "is empty, 0 bytes"),
    ],
)
def test_what_cannot_be_read_is_named(entry, message):
    with pytest.raises(AudioError, match=message):
        read_entry(entry, pipes=True)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.raw", "a.ark"])
def test_an_empty_file_is_not_to_be_converted(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(AudioError, match="is empty, 0 bytes; make it again") as error:
        read_entry(f"{tmp_path / name}:7" if name == "a.ark" else str(tmp_path / name))
    assert "ffmpeg" not in str(error.value)


def test_commands_are_run_only_where_they_are_allowed(tmp_path):
    with pytest.raises(AudioError, match="is a command, and only stage 2"):
        read_entry(f"touch {tmp_path}/made |")
    assert not (tmp_path / "made").exists()
