"""Whether the enrolled voice is in a mixture at all: a system gives an estimate in any case."""

from dataclasses import dataclass
from typing import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E
from espnet_tse.io.audio import resampled_blocks
from espnet_tse.io.signal_level import SignalLevel
from espnet_tse.models.prepared_input import prepared_enrollment, speech_s
from espnet_tse.schema.presence import JUDGED_S, Presence, PresenceThreshold

PIECE_S = 15.0  # of a long recording: memory does not grow with it


@dataclass
class PresenceJudge:
    """Compares the voice of an estimate with that of the enrollment, and the estimate's level with the mixture's."""

    encoder: SpeakerGE2E
    threshold: PresenceThreshold | None  # of the system whose estimates these are

    @torch.no_grad()
    def judge(
        self,
        estimate: Iterable[np.ndarray],
        sample_rate: int,
        enrollment: np.ndarray,
        level_db: float,
        compare: bool = True,
    ) -> Presence:
        """
        Args:
            estimate: (n,) blocks after each other.
            sample_rate: Hz, of both.
            enrollment: (N_e,).
            level_db: of the estimate against the mixture, as ``level.levels_db`` tells.
            compare: the voices too, which takes two passes of the encoder; without it there is no verdict, nor on less
                than ``JUDGED_S`` of speech or of estimate.
        """
        samples, output = torch.from_numpy(enrollment), SignalLevel()
        speech = speech_s(samples, sample_rate)
        measured = {"similarity": None, "level_db": level_db}
        if compare:
            heard, _ = prepared_enrollment(samples[None], torch.tensor([len(samples)]), sample_rate)
            vectors = [
                self.voice(blocks, sample_rate) for blocks in ([heard[0].numpy()], output.of(estimate))
            ]
            measured["similarity"] = float(F.cosine_similarity(*vectors, dim=0))
        present = None
        if self.threshold and min(speech, output.num_samples / sample_rate) >= JUDGED_S:
            present = measured[self.threshold.measure] >= self.threshold.threshold
        return Presence(len(samples) / sample_rate, speech, **measured, present=present)

    def voice(self, blocks: Iterable[np.ndarray], sample_rate: int) -> Tensor:
        """(E,) of a signal in (n,) blocks; of a long one the mean over pieces, each as much as it is loud."""
        size = round(PIECE_S * self.encoder.sample_rate)
        total = torch.zeros(self.encoder.output_dim)
        for piece in pieces(resampled_blocks(blocks, sample_rate, self.encoder.sample_rate), size):
            samples = torch.from_numpy(piece)[None]
            weight = torch.linalg.vector_norm(samples)
            total += weight * self.encoder(samples.to(self.encoder.window.device), None)[0].cpu()
        return total


def pieces(blocks: Iterable[np.ndarray], size: int) -> Iterable[np.ndarray]:
    """(n,) float32 blocks as pieces of ``size`` samples, and a last one of what is left."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block.astype(np.float32)])
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if len(held):
        yield held
