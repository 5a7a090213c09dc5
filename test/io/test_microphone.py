import sys
import types

import numpy as np
import pytest

from espnet_tse.io.microphone import microphone_blocks


class PortAudioError(Exception):
    pass


@pytest.fixture
def sounddevice(monkeypatch):
    """A stand-in that counts up, and overflows once; what it was opened with is kept."""
    module = types.ModuleType("sounddevice")
    module.PortAudioError = PortAudioError

    class RawInputStream:
        def __init__(self, samplerate, blocksize, device, channels, dtype):
            if device == "none":
                raise ValueError("No input device matching 'none'")
            if samplerate == 12345:
                raise PortAudioError("Invalid sample rate")
            module.opened, self.count = (samplerate, blocksize, device, channels, dtype), 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            module.closed = True

        def read(self, frames):
            self.count += 1
            return np.full(frames, self.count, np.float32).tobytes(), self.count == 2

    module.RawInputStream = RawInputStream
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.mark.parametrize("name, device", [("mic", None), ("mic:3", 3), ("mic:USB: front", "USB: front")])
def test_blocks_come_until_it_is_closed(sounddevice, caplog, name, device):
    blocks = microphone_blocks(name, 16000, 160)
    assert [next(blocks).tolist() for _ in range(3)] == [[1.0] * 160, [2.0] * 160, [3.0] * 160]
    blocks.close()
    assert sounddevice.opened == (16000, 160, device, 1, "float32") and sounddevice.closed
    assert "overflowed 1 times" in caplog.text


@pytest.mark.parametrize(
    "name, rate, fault", [("mic:none", 16000, "No input device"), ("mic", 12345, "Invalid sample rate")]
)
def test_what_cannot_be_opened_is_told(sounddevice, name, rate, fault):
    with pytest.raises(ValueError, match=f"{name} at {rate} Hz: {fault}"):
        next(microphone_blocks(name, rate, 160))


def test_the_package_that_is_lacking_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ValueError, match=r"pip install -e '.\[mic\]'"):
        microphone_blocks("mic", 16000, 160)  # before the first block is asked for
