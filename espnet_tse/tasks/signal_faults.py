"""What is wrong with signals that are to be extracted, or that say what to extract."""

import logging
import math

import numpy as np

from espnet_tse.data.validation_audio import OVERLOAD
from espnet_tse.io.scp import DataError

SHORT_S = 0.1  # the scorer takes no shorter estimates or enrollments either


def check_signal(signal: np.ndarray, name: str, sample_rate: int) -> np.ndarray:
    """As ``check_samples``, of a signal that may not be silent; a warning where it is very short."""
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, (int, np.integer)) or sample_rate < 1:
        raise DataError(f"the sample rate is {sample_rate!r}; want Hz, a positive whole number.")
    signal = check_samples(signal, name)
    refuse_constant(float(signal.min()), float(signal.max()), name, len(signal), sample_rate)
    if len(signal) < SHORT_S * sample_rate:
        logging.warning(
            f"the {name} is very short ({length_in_words(len(signal), sample_rate)}); below {SHORT_S} s, here "
            f"{math.ceil(SHORT_S * sample_rate)} samples, nothing useful can be expected"
        )
    return signal


def check_samples(signal: np.ndarray, name: str) -> np.ndarray:
    """(N,) float32 that PyTorch takes, or a DataError that says what is wrong with it."""
    signal = np.asarray(signal)
    if signal.ndim != 1:
        raise DataError(f"the {name} has shape {signal.shape}; want one channel, (N,).")
    if len(signal) == 0:
        raise DataError(f"the {name} is empty: 0 samples; at least 1 is wanted.")
    if not np.issubdtype(signal.dtype, np.floating):
        raise DataError(f"the {name} holds {signal.dtype}; want float samples in [-1, 1].")
    if not (np.isfinite(signal.max()) and np.isfinite(signal.min())):
        raise DataError(f"the {name} holds NaN or infinite samples; write it again from its source.")
    refuse_overload(max(float(signal.max()), -float(signal.min())), name)
    return for_pytorch(signal)


def for_pytorch(values: np.ndarray) -> np.ndarray:
    """(N,) float32, a copy of what runs backwards, which PyTorch refuses, and of what is read-only."""
    values = values.astype(np.float32, copy=False)
    return values if values.flags.carray and values.strides[0] > 0 else values.copy()


def check_embedding(embedding: np.ndarray, name: str) -> np.ndarray:
    """(E,) float32 that PyTorch takes, or a DataError that says what is wrong with it."""
    embedding = np.asarray(embedding)
    if (
        embedding.ndim != 1
        or not np.issubdtype(embedding.dtype, np.floating)
        or not np.isfinite(embedding).all()
    ):
        raise DataError(
            f"the {name} has shape {embedding.shape} and holds {embedding.dtype}; want (E,), finite floats."
        )
    return for_pytorch(embedding)


def check_lengths(keys: list[str], mixtures: list[int], targets: list[int]) -> None:
    """Raise DataError where a true target is not as long as its mixture; both in samples of one rate."""
    for key, mixture, target in zip(keys, mixtures, targets):
        if mixture != target:
            raise DataError(
                f"the target of '{key}' has {target} samples and its mixture {mixture}; the truth of a mixture is as long as it."
            )


def refuse_constant(lowest: float, highest: float, name: str, num_samples: int, sample_rate: int) -> None:
    """Raise DataError for a signal whose samples are all the same."""
    if lowest != highest or (num_samples == 1 and lowest != 0.0):
        return
    length = length_in_words(num_samples, sample_rate)
    what = "zero" if lowest == 0.0 else f"{lowest:g}, a constant offset"
    raise DataError(
        f"the {name} is digital silence: all of its samples are {what} ({length}); record or choose another one."
    )


def refuse_overload(peak: float, name: str) -> None:
    """Raise DataError for floats in the range of int16: full scale is 1."""
    if peak > OVERLOAD:
        raise DataError(
            f"the {name} reaches {peak:.0f}, while full scale is 1; floats in the range of int16 must be divided "
            "by 32768."
        )


def length_in_words(num_samples: int, sample_rate: int) -> str:
    return f"{num_samples} samples at {sample_rate} Hz, {num_samples / sample_rate:.4g} s"
