"""Random draws that belong to their row, so that a batch may be split in any way."""

import zlib

import torch


def row_generator(key: str, seed: int) -> torch.Generator:
    """The CPU generator of an utterance.

    Args:
        key: utterance id.
        seed: of the run.
    """
    # One hash of both: torch's CPU generator looks at 32 bits of its seed only.
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {key}".encode("utf-8")))
