"""A microphone as blocks of samples, by sounddevice."""

import logging
from types import ModuleType
from typing import Iterator

import numpy as np

from espnet_tse.io.scp import DataError

MICROPHONE = "mic"  # or mic:DEVICE
INSTALL = "pip install -e '.[mic]'"


def microphone_blocks(name: str, sample_rate: int, block: int) -> Iterator[np.ndarray]:
    """(block,) float32 each, without end; how often the input overflowed is told where the reader stops.

    Args:
        name: ``mic``, the system's default; or ``mic:DEVICE`` by number or part of its name.
        sample_rate: Hz.
    Raises:
        DataError: sounddevice or PortAudio is not installed; with the first block, there is no such device at this rate.
    """
    try:
        import sounddevice
    except ImportError:
        raise DataError(f"a microphone is read by sounddevice, which is not installed: {INSTALL}") from None
    except OSError as error:  # on Linux its wheel comes without the library
        raise DataError(f"sounddevice: {error}; install it, as by: apt-get install libportaudio2") from None
    return _blocks_of(sounddevice, name, sample_rate, block)


def _blocks_of(sounddevice: ModuleType, name: str, sample_rate: int, block: int) -> Iterator[np.ndarray]:
    device = name.partition(":")[2]
    number, lost = int(device) if device.isdecimal() else device or None, 0
    try:
        with sounddevice.RawInputStream(sample_rate, block, number, channels=1, dtype="float32") as stream:
            while True:
                content, overflowed = stream.read(block)
                lost += overflowed
                yield np.frombuffer(content, np.float32).copy()
    except (sounddevice.PortAudioError, ValueError) as error:  # the latter of names that it does not know
        raise DataError(
            f"{name} at {sample_rate} Hz: {error}; 'python3 -m sounddevice' lists the devices that there are."
        ) from error
    finally:
        if lost:
            logging.warning(f"the microphone's input overflowed {lost} times: sound is lost there")
