"""Stored codes, units or latents of targets, by utterance."""

import logging
from math import lcm
from pathlib import Path
from typing import Mapping
from zipfile import BadZipFile

import numpy as np

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.schema.stream_spec import FramesSpec, StreamSpec

TOKEN_BUDGET = 2 * 1024**3  # bytes of one stream that one process holds


class TokenStore:
    """One stream of a set: ``<key>.npy`` of (T, K) codes or (T, D) frames, held in memory as far as they fit.

    They are read at once, not when asked for: what a worker reads ends with it, what is there when it is forked is shared.
    """

    def __init__(self, scp: Path | str, keys: list[str], spec: StreamSpec, budget: int = TOKEN_BUDGET):
        """
        Args:
            scp: ``<stream>.scp`` of stage 5.
            keys: utterances that will be asked for.
            spec: sizes and rate of the stream.
        Raises:
            DataError: a key is lacking; or of what is held, unreadable, or codes that the tokenizer does not have.
        """
        self.scp, self.spec = Path(scp), spec
        self.paths = read_scp(scp)
        missing = [key for key in keys if key not in self.paths]
        if missing:
            raise DataError(
                f"{scp}: lacks the codes of {len(missing)} of {len(keys)} utterances, first '{missing[0]}'; "
                "run stage 5 (token) with --force true."
            )
        self._held: dict[str, np.ndarray] = {}
        size = 0
        for key in dict.fromkeys(keys):
            tokens = self._read(key)
            size += tokens.nbytes
            if size > budget:
                logging.info(
                    f"{scp}: {len(self._held)} of {len(keys)} keys held in memory, the others do not fit"
                )
                break
            self._held[key] = tokens

    def load(self, key: str, num_samples: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The part of a stream that belongs to a span; a fixed number of codes comes whole.

        Args:
            num_samples: of the whole utterance, to check that tokens and audio belong together.
            start: first sample of the span, a multiple of the stream's hop.
            length: samples of the span, None for the rest.
        Returns:
            (T, K) int64 or (T, D) float32, T = ceil(length / hop).
        Raises:
            DataError: unreadable, not as many frames as the audio wants, or codes that the tokenizer does not have.
        """
        tokens = self._held.get(key)
        if tokens is None:
            tokens = self._read(key)
        self._require_frames(key, tokens, num_samples)
        if self.spec.hop_length is not None:
            length = num_samples - start if length is None else length
            first = start // self.spec.hop_length
            tokens = tokens[first : first + self.spec.num_frames(length)]
        return tokens.astype(np.float32 if isinstance(self.spec, FramesSpec) else np.int64)

    def _read(self, key: str) -> np.ndarray:
        path = self.paths[key]
        try:
            tokens = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise DataError(
                f"{self.scp}: key '{key}': '{path}' cannot be read ({error}); run stage 5 (token) with "
                "--force true."
            ) from None
        is_codes = not isinstance(self.spec, FramesSpec) and np.issubdtype(tokens.dtype, np.integer)
        if is_codes and tokens.size and not 0 <= tokens.min() <= tokens.max() < self.spec.codebook_size:
            raise DataError(
                f"{self.scp}: key '{key}': '{path}' holds codes from {tokens.min()} to {tokens.max()}, its tokenizer has "
                f"{self.spec.codebook_size}; run stage 5 (token) with --force true."
            )
        return tokens

    def _require_frames(self, key: str, tokens: np.ndarray, num_samples: int) -> None:
        """Raise DataError where they are not what so many samples have."""
        continuous, num_frames = isinstance(self.spec, FramesSpec), self.spec.num_frames(num_samples)
        kind = np.floating if continuous else np.integer
        wanted = (num_frames, self.spec.width if continuous else self.spec.num_codebooks)
        if tokens.shape != wanted or not np.issubdtype(tokens.dtype, kind):
            rate = "" if self.spec.hop_length is None else f" at {self.spec.hop_length} a frame"
            raise DataError(
                f"{self.scp}: key '{key}': '{self.paths[key]}' holds {tokens.dtype} {tokens.shape}, but {num_samples} "
                f"samples{rate} want {num_frames} frames of {wanted[1]}; run stage 5 (token) with --force true."
            )


class TokenStores(dict[str, TokenStore]):
    """Stream -> store of the same utterances."""

    @classmethod
    def open(
        cls, lists: Mapping[str, tuple[Path, StreamSpec]], keys: list[str], budget: int = TOKEN_BUDGET
    ) -> "TokenStores":
        """
        Args:
            lists: stream -> its scp and sizes.
        """
        return cls({stream: TokenStore(scp, keys, spec, budget) for stream, (scp, spec) in lists.items()})

    def load(
        self, key: str, num_samples: int, start: int = 0, length: int | None = None
    ) -> dict[str, np.ndarray]:
        """Stream -> what ``TokenStore.load`` returns."""
        return {stream: store.load(key, num_samples, start, length) for stream, store in self.items()}


def common_hop(specs: Mapping[str, StreamSpec]) -> int:
    """Samples at whose multiples frames of all streams begin; 1 without streams that have a rate."""
    return lcm(*(spec.hop_length for spec in specs.values() if spec.hop_length is not None))
