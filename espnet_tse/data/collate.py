"""Examples -> one ESPnet mini-batch of padded tensors."""

from typing import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.schema import PADDING_CODE


class TSECollate:
    """Pad and name as ESPnet does; mixture, target and enrollment each have lengths of their own."""

    def __init__(self, frame_rate: float | None = None):
        """
        Args:
            frame_rate: of the target codes, Hz; travels with them as ``target_codes_rate`` if given.
        """
        self.frame_rate = frame_rate

    def __call__(self, examples: Sequence[dict]) -> tuple[list[str], dict[str, Tensor]]:
        """
        Args:
            examples: what ``example()`` of a data set returns, at least one.
        Returns:
            keys, and ``speech_mix`` (B, N), ``enroll_ref1`` (B, N_e), ``speech_ref1`` (B, N) float32,
            ``target_codes`` (B, K, T) int64 padded with -1, each with ``*_lengths`` (B,) int64; ``speaker``
            (B,) int64; ``speaker_embedding`` (B, E) float32. What the examples do not have is left out.
        Raises:
            ValueError: some examples have a target (or codes) and some have not.
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
        codes = self._column(examples, "target_codes")
        if codes is not None:
            rows = [torch.from_numpy(array) for array in codes]  # (T, K)
            padded = pad_sequence(rows, batch_first=True, padding_value=PADDING_CODE)
            batch["target_codes"] = padded.transpose(1, 2).contiguous()
            batch["target_codes_lengths"] = torch.tensor([len(row) for row in rows])
            if self.frame_rate is not None:
                batch["target_codes_rate"] = torch.tensor([self.frame_rate], dtype=torch.float64)
        if all("speaker" in example for example in examples):
            batch["speaker"] = torch.tensor([example["speaker"] for example in examples])
        if all(example.get("speaker_embedding") is not None for example in examples):
            rows = [torch.from_numpy(example["speaker_embedding"]) for example in examples]
            batch["speaker_embedding"] = torch.stack(rows)
        return [example["key"] for example in examples], batch

    @staticmethod
    def _column(examples: Sequence[dict], field: str) -> list[np.ndarray] | None:
        column = [example[field] for example in examples]
        absent = [example["key"] for example, value in zip(examples, column) if value is None]
        if not absent:
            return column
        if len(absent) == len(column):
            return None
        raise ValueError(f"a batch where only some examples have '{field}'; without it: {absent[:5]}")
