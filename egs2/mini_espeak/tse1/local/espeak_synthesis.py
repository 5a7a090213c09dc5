"""espeak-ng through ctypes: text + voice -> 16 kHz waveform, with the library of PyPI `espeakng-loader`."""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_tse.io.audio import resample
from espnet_tse.io.scp import DataError

SAMPLE_RATE = 16000  # Hz, what `Synthesiser.speak` returns
ESPEAK_RATE = 22050  # Hz, what espeak-ng renders
# espeak-ng's speak_lib.h: espeak_AUDIO_OUTPUT, espeak_PARAMETER and text flags.
OUTPUT_SYNCHRONOUS = 2
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4
POSITION_CHARACTER = 1
CHARACTERS_UTF8 = 1
NOISE_SEED = 1

SYNTH_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker."""

    variant: str  # file of espeak-ng-data/voices/!v: the vocal tract
    accent: str  # file of espeak-ng-data/lang/gmw: the phonemes
    pitch: int  # 0..100, 50 is the variant's own
    pitch_range: int  # 0..100, 50 is the variant's own
    rate: int  # words a minute


class _EspeakVoice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("identifier", ctypes.c_char_p)]


class Synthesiser:
    """The espeak-ng library, opened once in a process.

    The library keeps state from sentence to sentence (flutter, echo), so equal samples want an equal
    history: synthesise each speaker in a process of its own.
    """

    def __init__(self):
        try:
            import espeakng_loader
        except ImportError:
            # No SystemExit, which a worker of a pool would end by without a word to its parent.
            raise DataError(
                "espeakng-loader is not installed: mini_espeak synthesises its corpus with it. "
                "Install it with: pip install 'espeakng-loader>=0.2.4'"
            ) from None
        self.data_path = Path(espeakng_loader.get_data_path())
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        rate = self.library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, str(self.data_path).encode(), 0)
        if rate != ESPEAK_RATE:
            raise RuntimeError(f"espeak_Initialize returned {rate}, expected {ESPEAK_RATE} Hz; reinstall it.")
        if not hasattr(self.library, "espeak_ng_SetRandSeed"):
            raise RuntimeError("this espeak-ng cannot be seeded; pip install 'espeakng-loader>=0.2.4'.")
        # The breath of some variants is noise, which espeak-ng seeds with the time of day.
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(NOISE_SEED))
        self._chunks: list[np.ndarray] = []
        self._callback = SYNTH_CALLBACK(self._collect)  # kept alive: the library holds a bare pointer
        self.library.espeak_SetSynthCallback(self._callback)
        self.library.espeak_GetCurrentVoice.restype = ctypes.POINTER(_EspeakVoice)

    def _collect(self, samples, num_samples: int, _events) -> int:
        if num_samples > 0 and samples:
            self._chunks.append(np.ctypeslib.as_array(samples, shape=(num_samples,)).copy())
        return 0

    def set_voice(self, voice: Voice) -> None:
        """Choose accent, variant, pitch and rate.

        Raises:
            ValueError: espeak-ng has no such accent or variant (it would fall back without a word).
        """
        identifier = f"gmw/{voice.accent}+{voice.variant}"
        if not (self.data_path / "voices" / "!v" / voice.variant).is_file():
            raise ValueError(
                f"espeak-ng has no voice variant '{voice.variant}' in {self.data_path}/voices/!v."
            )
        code = self.library.espeak_SetVoiceByName(identifier.encode())
        current = self.library.espeak_GetCurrentVoice()
        if code != 0 or current[0].identifier.decode() != identifier:
            raise ValueError(f"espeak-ng refuses voice '{identifier}' (code {code}).")
        settings = {RATE: voice.rate, VOLUME: 100, PITCH: voice.pitch, RANGE: voice.pitch_range}
        for parameter, value in settings.items():
            if self.library.espeak_SetParameter(parameter, value, 0) != 0:
                raise ValueError(f"espeak-ng refuses parameter {parameter} = {value} of {voice}.")

    def speak(self, text: str) -> np.ndarray:
        """Render a sentence with the chosen voice.

        Returns:
            (N,) float64 at 16 kHz, zero mean, level as espeak-ng gives it.
        """
        self._chunks.clear()
        encoded = text.encode("utf-8")
        code = self.library.espeak_Synth(
            ctypes.c_char_p(encoded),
            ctypes.c_size_t(len(encoded) + 1),
            ctypes.c_uint(0),
            ctypes.c_int(POSITION_CHARACTER),
            ctypes.c_uint(0),
            ctypes.c_uint(CHARACTERS_UTF8),
            None,
            None,
        )
        if code != 0 or not self._chunks:
            raise RuntimeError(f"espeak_Synth returned {code} and {len(self._chunks)} chunks for '{text}'.")
        waveform = np.concatenate(self._chunks).astype(np.float64) / 32768
        waveform = resample(waveform, ESPEAK_RATE, SAMPLE_RATE)
        return waveform - waveform.mean()
