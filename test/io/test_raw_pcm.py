import io
import os

import numpy as np
import pytest

from espnet_tse.io.raw_pcm import decoded, encoded, read_raw, samples_to_stdout, write_all


@pytest.mark.parametrize("sample_format", ["s16le", "f32le"])
def test_samples_come_back(sample_format):
    samples = np.array([0.0, 0.5, -1.0, 1 - 2**-15, -(2**-15)], dtype=np.float32)
    np.testing.assert_array_equal(decoded(encoded(samples, sample_format), sample_format), samples)


def test_integers_are_rounded_and_clipped_floats_are_kept():
    samples = np.array([0.6 / 32768, 1.0, -1.5], dtype=np.float32)
    assert np.frombuffer(encoded(samples, "s16le"), "<i2").tolist() == [1, 32767, -32768]
    np.testing.assert_array_equal(decoded(encoded(samples, "f32le"), "f32le"), samples)


class Pieces(io.RawIOBase):
    """A pipe into which these sizes are written, one after the other."""

    def __init__(self, content: bytes, sizes: list[int]):
        self.content, self.sizes = content, iter(sizes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        size = min(next(self.sizes), len(self.content), len(buffer))
        buffer[:size], self.content = self.content[:size], self.content[size:]
        return size


@pytest.mark.parametrize("sample_format, width", [("s16le", 2), ("f32le", 4)])
@pytest.mark.parametrize("sizes", [[1] * 100, [3, 5, 7, 1, 84], [100]])
def test_pieces_of_any_size_give_the_same_samples(sample_format, width, sizes):
    samples = np.linspace(-1, 1, 100 // width).astype(np.float32)
    content = encoded(samples, sample_format)
    blocks = list(read_raw(io.BufferedReader(Pieces(content, [*sizes, 0])), sample_format))
    np.testing.assert_array_equal(np.concatenate(blocks), decoded(content, sample_format))


def test_a_block_does_not_wait_for_the_next_one():
    ends = os.pipe()
    with os.fdopen(ends[0], "rb") as source, os.fdopen(ends[1], "wb", buffering=0) as writer:
        writer.write(encoded(np.full(5, 0.25), "s16le"))
        blocks = read_raw(source, "s16le")
        # The first eight bytes are looked at by themselves.
        assert sum(len(next(blocks)) for _ in range(2)) == 5


@pytest.mark.parametrize("content, samples", [(b"", 0), (b"\1", 0), (b"\1\0\1", 1), (b"\1\0" * 4 + b"\1", 4)])
def test_the_end_inside_a_sample_is_told(content, samples, caplog):
    blocks = list(read_raw(io.BufferedReader(io.BytesIO(content)), "s16le"))
    assert sum(map(len, blocks)) == samples
    assert ("ended inside a sample, 1 of its 2 bytes" in caplog.text) == (len(content) % 2 == 1)


@pytest.mark.parametrize(
    "head, kind", [(b"RIFF", "WAV"), (b"ID3\4", "MP3"), (b"\0\0\0\x20ftypM4A ", r"MP4 \(M4A\)")]
)
def test_a_file_with_a_header_is_refused(head, kind):
    with pytest.raises(ValueError, match=rf"header of a file \({kind}\)"):
        list(read_raw(io.BufferedReader(io.BytesIO(head + bytes(100))), "s16le"))


def test_integers_that_are_taken_for_floats_are_told():
    integers = encoded(np.sin(np.arange(4000)), "s16le")
    with pytest.raises(ValueError, match="is no sound in f32le.*--sample_format s16le or f32le"):
        list(read_raw(io.BufferedReader(io.BytesIO(integers)), "f32le"))


def test_what_is_printed_does_not_come_between_samples(capfdbinary):
    with samples_to_stdout() as samples:
        os.write(1, b"a library says")
        write_all(samples, b"\0\1")
    os.write(1, b"behind")
    out, err = capfdbinary.readouterr()
    assert out == b"\0\1behind" and err == b"a library says"


def test_all_is_written_to_a_file_that_takes_little():
    class Narrow(io.BytesIO):
        def write(self, content):
            return super().write(content[:3])

    file = Narrow()
    write_all(file, bytes(range(10)))
    assert file.getvalue() == bytes(range(10))
