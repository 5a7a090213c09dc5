"""Examples -> one ESPnet mini-batch of padded tensors."""

from typing import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.schema import PADDING_CODE
from espnet_tse.schema.tse_batch import STREAM_PREFIXES


class TSECollate:
    """Pad and name as ESPnet does; mixture, target and enrollment each have lengths of their own."""

    def __init__(self, frame_rates: Mapping[str, float | None] | None = None):
        """
        Args:
            frame_rates: stream -> Hz, travels with it as ``target_<stream>_rate``; None for streams of a fixed
                number of codes, which have no rate.
        """
        self.frame_rates = dict(frame_rates or {})

    def __call__(self, examples: Sequence[dict]) -> tuple[list[str], dict[str, Tensor]]:
        """
        Args:
            examples: what ``example()`` of a data set returns, at least one.
        Returns:
            keys, and ``speech_mix`` (B, N), ``enroll_ref1`` (B, N_e), ``speech_ref1`` (B, N) float32,
            and of each stream ``target_<stream>``, codes (B, K, T) int64 padded with -1 or frames (B, T, D)
            float32, likewise ``mixture_<stream>`` and ``enrollment_<stream>``; each with ``*_lengths`` (B,)
            int64; ``speaker`` (B,) int64; ``speaker_embedding`` (B, E) float32; ``task`` (B,) int64. What the
            examples do not have is left out.
        Raises:
            ValueError: some examples have a target and some do not.
        """
        batch: dict[str, Tensor] = {}
        for name, field in (
            ("speech_mix", "mixture"),
            ("enroll_ref1", "enrollment"),
            ("speech_ref1", "target"),
        ):
            arrays = self._column(examples, field)
            if arrays is not None:
                rows = [torch.from_numpy(array) for array in arrays]
                batch[name] = pad_sequence(rows, batch_first=True)
                batch[f"{name}_lengths"] = torch.tensor([len(row) for row in rows])
        for field, prefix in STREAM_PREFIXES.items():
            for stream in examples[0].get(field, {}):
                rows = [torch.from_numpy(example[field][stream]) for example in examples]
                batch |= self._stream(prefix, stream, rows)
        if all("task" in example for example in examples):
            batch["task"] = torch.tensor([example["task"] for example in examples])
        if all("speaker" in example for example in examples):
            batch["speaker"] = torch.tensor([example["speaker"] for example in examples])
        if all(example.get("speaker_embedding") is not None for example in examples):
            rows = [torch.from_numpy(example["speaker_embedding"]) for example in examples]
            batch["speaker_embedding"] = torch.stack(rows)
        return [example["key"] for example in examples], batch

    def _stream(self, prefix: str, stream: str, rows: list[Tensor]) -> dict[str, Tensor]:
        """The tensors of one stream from its (T, K) codes or (T, D) frames."""
        name, lengths = f"{prefix}{stream}", torch.tensor([len(row) for row in rows])
        if rows[0].is_floating_point():
            padded = pad_sequence(rows, batch_first=True)
        else:
            padded = (
                pad_sequence(rows, batch_first=True, padding_value=PADDING_CODE).transpose(1, 2).contiguous()
            )
        batch = {name: padded, f"{name}_lengths": lengths}
        rate = self.frame_rates.get(stream)
        if rate is not None:
            batch[f"{name}_rate"] = torch.tensor([rate], dtype=torch.float64)
        return batch

    @staticmethod
    def _column(examples: Sequence[dict], field: str) -> list[np.ndarray] | None:
        column = [example[field] for example in examples]
        absent = [example["key"] for example, value in zip(examples, column) if value is None]
        if not absent:
            return column
        if len(absent) == len(column):
            return None
        raise ValueError(f"a batch where only some examples have '{field}'; without it: {absent[:5]}")
