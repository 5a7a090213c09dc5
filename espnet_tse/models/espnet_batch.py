"""ESPnet's batch of named tensors as a TSEBatch."""

from typing import Mapping

from torch import Tensor

from espnet_tse.schema import Codes, Frames, Streams, TSEBatch
from espnet_tse.schema.tse_batch import STREAM_PREFIXES


def to_tse_batch(data: Mapping[str, Tensor], sample_rate: int) -> TSEBatch:
    """Translate ESPnet's data names.

    Args:
        data: ``speech_mix`` (B, N), optional ``enroll_ref1`` (B, N_e), ``speech_ref1`` (B, N) and
            ``target_<stream>``, codes (B, K, T) or frames (B, T, D), with ``target_<stream>_rate`` (1,) Hz;
            likewise ``mixture_<stream>`` and ``enrollment_<stream>``; each with ``*_lengths``. Optional
            ``speaker`` (B,), ``speaker_embedding`` (B, E) and ``task`` (B,), places in ``TASKS``.
    Raises:
        ValueError: a required name is missing.
    """
    if "speech_mix" not in data:
        raise ValueError(f"the batch lacks 'speech_mix'; it holds {sorted(data)}.")
    return TSEBatch(
        mixture=data["speech_mix"],
        mixture_lengths=data["speech_mix_lengths"],
        enrollment=data.get("enroll_ref1"),
        enrollment_lengths=data.get("enroll_ref1_lengths"),
        sample_rate=sample_rate,
        keys=data.get("utt_id"),
        target=data.get("speech_ref1"),
        speaker=data.get("speaker"),
        speaker_embedding=data.get("speaker_embedding"),
        tasks=data.get("task"),
        **{field: streams_of(data, prefix) for field, prefix in STREAM_PREFIXES.items()},
    )


def streams_of(data: Mapping[str, Tensor], prefix: str) -> Streams:
    """Those of a batch of named tensors whose names begin so."""
    streams = Streams()
    for name in data:
        if not (name.startswith(prefix) and f"{name}_lengths" in data):
            continue
        rate = float(data[f"{name}_rate"].flatten()[0]) if f"{name}_rate" in data else None
        kind = Frames if data[name].is_floating_point() else Codes
        streams[name.removeprefix(prefix)] = kind(data[name], data[f"{name}_lengths"], rate)
    return streams
