"""A row of LibriMix's metadata as samples, operation by operation as LibriMix's own script makes them.

Source: ``scripts/create_librimix_from_metadata.py`` of github.com/JorisCos/LibriMix, commits bed26f44 and 09d4b8a2, which
write the same audio for two and three speakers. Precision is a part of it: single throughout, double where noise was
extended, as NumPy's rules have it there.
"""

from pathlib import Path

import numpy as np

from espnet_tse.data.librimix.layout import addends
from espnet_tse.data.librimix.metadata import MixtureSpec, Part
from espnet_tse.io.audio_entry import AudioError, read_entry, read_info, read_span
from espnet_tse.io.scp import DataError

SOURCE_RATE = 16000  # Hz, of LibriSpeech and of WHAM!'s noise
FADE = SOURCE_RATE // 2 + 1  # samples over which noise that is too short goes over into its repetition


def source_length(librispeech: Path, part: Part, mixture_id: str) -> int:
    """Samples at 16 kHz, from the header.

    Raises:
        DataError: no such file, or not LibriSpeech's rate.
    """
    path = librispeech / part.path
    try:
        info = read_info(str(path))
    except AudioError as error:
        raise DataError(f"{mixture_id}: {error}") from None
    _check_format(path, mixture_id, info.sample_rate, info.num_channels, (1,))
    return info.num_samples


def mixture_length(lengths: list[int], sample_rate: int, mode: str) -> int:
    """Samples of a mixture of sources of ``lengths`` samples at 16 kHz."""
    chosen = {"min": min, "max": max}[mode](lengths)
    return -(-chosen * sample_rate // SOURCE_RATE)


def make_signals(
    spec: MixtureSpec,
    librispeech: Path,
    wham_noise: Path | None,
    sample_rate: int,
    mode: str,
    kinds: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """All signals of a mixture.

    Each source is scaled by its gain, resampled by ``scipy.signal.resample_poly``, cut to the shortest or padded to the
    longest; mixtures are their sums in the order of the metadata.

    Args:
        wham_noise: folder of WHAM!'s noise; needed for kinds with noise.
        sample_rate: Hz, of the result.
        mode: min or max.
        kinds: clean, both, single.
    Returns:
        s1, s2 ..., noise (with kinds that have it), mix_<kind>; (N,) each.
    Raises:
        DataError: a file is missing, unreadable, of another rate, or too short to be extended.
    """
    signals = {
        f"s{number}": read_source(librispeech / part.path, spec.mixture_id)
        for number, part in enumerate(spec.sources, 1)
    }
    gains = {f"s{number}": part.gain for number, part in enumerate(spec.sources, 1)}
    if set(kinds) - {"clean"}:
        longest = max(map(len, signals.values()))
        signals["noise"] = read_noise(wham_noise / spec.noise.path, longest, spec.mixture_id)
        gains["noise"] = spec.noise.gain
    signals = {name: _resampled(signal * gains[name], sample_rate) for name, signal in signals.items()}
    signals = fit_lengths(signals, mode)
    for kind in kinds:
        signals[f"mix_{kind}"] = mix([signals[name] for name in addends(len(spec.sources), kind)])
    return signals


def read_source(path: Path, mixture_id: str) -> np.ndarray:
    """An utterance of LibriSpeech, (N,) float32."""
    try:
        samples, rate = read_entry(str(path), "float32")
    except AudioError as error:
        raise DataError(f"{mixture_id}: {error}") from None
    _check_format(path, mixture_id, rate, samples.shape[1], (1,))
    return samples[:, 0]


def read_noise(path: Path, num_samples: int, mixture_id: str) -> np.ndarray:
    """The first channel of a noise from its beginning, extended where it is too short; (num_samples,)."""
    try:
        samples, rate = read_span(str(path), 0, num_samples, "float32")
    except AudioError as error:
        raise DataError(f"{mixture_id}: {error}") from None
    _check_format(path, mixture_id, rate, samples.shape[1], (1, 2))
    noise = np.ascontiguousarray(samples[:, 0])
    if len(noise) < num_samples and len(noise) <= FADE:
        raise DataError(
            f"{mixture_id}: noise '{path}' has {len(noise)} samples, too few to be extended; WHAM!'s are seconds long, "
            "fetch the file again."
        )
    return extend_noise(noise, num_samples)


def extend_noise(noise: np.ndarray, num_samples: int) -> np.ndarray:
    """Noise repeated until it lasts; each repetition fades in over 0.5 s by half a Hann window while the other fades out.

    Args:
        noise: (N,), N > ``FADE``.
    Returns:
        (num_samples,); float64 where it was extended.
    """
    rising = np.hanning(2 * FADE - 1)[:FADE]
    extended = noise
    while len(extended) < num_samples:
        crossfade = extended[-FADE:] * rising[::-1] + noise[:FADE] * rising
        extended = np.concatenate((extended[:-FADE], crossfade, noise[FADE:]))
    return extended[:num_samples]


def fit_lengths(signals: dict[str, np.ndarray], mode: str) -> dict[str, np.ndarray]:
    """Signals cut to the shortest (min) or padded with zeros to the longest (max)."""
    if mode == "min":
        shortest = min(map(len, signals.values()))
        return {name: signal[:shortest] for name, signal in signals.items()}
    longest = max(map(len, signals.values()))
    return {name: np.pad(signal, (0, longest - len(signal))) for name, signal in signals.items()}


def mix(sources: list[np.ndarray]) -> np.ndarray:
    """Sum, rounded to the precision of the first source after each addition."""
    mixture = np.zeros_like(sources[0])
    for source in sources:
        mixture += source
    return mixture


def _resampled(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    return resample_poly(signal, sample_rate, SOURCE_RATE)


def _check_format(
    path: Path, mixture_id: str, sample_rate: int, num_channels: int, channels: tuple[int, ...]
) -> None:
    if sample_rate != SOURCE_RATE or num_channels not in channels:
        raise DataError(
            f"{mixture_id}: '{path}' has {num_channels} channel(s) at {sample_rate} Hz, but LibriSpeech and WHAM! are at "
            f"{SOURCE_RATE} Hz; name the corpus as it was published."
        )
