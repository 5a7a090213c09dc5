"""ESPnet's batch of named tensors as a TSEBatch."""

from typing import Mapping

from torch import Tensor

from espnet_tse.schema import Codes, TSEBatch


def to_tse_batch(data: Mapping[str, Tensor], sample_rate: int) -> TSEBatch:
    """Translate ESPnet's data names.

    Args:
        data: ``speech_mix`` (B, N), ``enroll_ref1`` (B, N_e), optional ``speech_ref1`` (B, N) and
            ``target_codes`` (B, K, T) with ``target_codes_rate`` (1,) Hz; each with ``*_lengths``. Optional
            ``speaker`` (B,) and ``speaker_embedding`` (B, E).
    Raises:
        ValueError: a required name is missing.
    """
    missing = [name for name in ("speech_mix", "enroll_ref1") if name not in data]
    if missing:
        raise ValueError(f"the batch lacks {missing}; it holds {sorted(data)}.")
    codes = None
    if "target_codes" in data:
        frame_rate = float(data["target_codes_rate"].flatten()[0])
        codes = Codes(data["target_codes"].long(), data["target_codes_lengths"], frame_rate)
    return TSEBatch(
        mixture=data["speech_mix"],
        mixture_lengths=data["speech_mix_lengths"],
        enrollment=data["enroll_ref1"],
        enrollment_lengths=data["enroll_ref1_lengths"],
        sample_rate=sample_rate,
        keys=data.get("utt_id"),
        target=data.get("speech_ref1"),
        target_codes=codes,
        speaker=data.get("speaker"),
        speaker_embedding=data.get("speaker_embedding"),
    )
