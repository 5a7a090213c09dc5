"""ESPnet's batch of named tensors as a TSEBatch."""

from typing import Mapping

from torch import Tensor

from espnet_tse.schema import Codes, Frames, Streams, TSEBatch
from espnet_tse.schema.tse_batch import TARGET_PREFIX


def to_tse_batch(data: Mapping[str, Tensor], sample_rate: int) -> TSEBatch:
    """Translate ESPnet's data names.

    Args:
        data: ``speech_mix`` (B, N), optional ``enroll_ref1`` (B, N_e), ``speech_ref1`` (B, N) and
            ``target_<stream>``, codes (B, K, T) or frames (B, T, D), with ``target_<stream>_rate`` (1,) Hz;
            each with ``*_lengths``. Optional ``speaker`` (B,),
            ``speaker_embedding`` (B, E) and ``task`` (B,), places in ``TASKS``.
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
        targets=target_streams(data),
        speaker=data.get("speaker"),
        speaker_embedding=data.get("speaker_embedding"),
        tasks=data.get("task"),
    )


def target_streams(data: Mapping[str, Tensor]) -> Streams:
    """The streams of the targets in a batch of named tensors."""
    streams = Streams()
    for name in data:
        if not (name.startswith(TARGET_PREFIX) and f"{name}_lengths" in data):
            continue
        rate = float(data[f"{name}_rate"].flatten()[0]) if f"{name}_rate" in data else None
        kind = Frames if data[name].is_floating_point() else Codes
        streams[name.removeprefix(TARGET_PREFIX)] = kind(data[name], data[f"{name}_lengths"], rate)
    return streams
