"""Choosing the candidate whose voice is most like the enrollment's."""

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E, SpeakerGE2EConfig
from espnet_tse.io.audio import resample
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.schema import Estimate, TSEBatch


class SpeakerSimilarity(AbsSelector):
    """Cosine of GE2E embeddings of estimate and enrollment; SoloSpeech (arXiv:2505.19314) has a verifier.

    A similarity score by the same network favours a system that was decoded with it.
    """

    def __init__(self, encoder: SpeakerGE2E | None = None):
        """
        Args:
            encoder: with the weights of Resemblyzer when None.
        Raises:
            DataError: these are not installed.
        """
        if encoder is None:
            encoder = SpeakerGE2E(SpeakerGE2EConfig())
            encoder.start_from_pretrained()
        self.encoder = encoder.requires_grad_(False).eval()

    @torch.no_grad()
    def scores(self, estimate: Estimate, batch: TSEBatch) -> Tensor:
        """(B,) in [-1, 1]; of ``rtse``, which is enrolled by the unwanted speaker, the unlike ones are the best."""
        if batch.enrollment is None:
            raise ValueError(
                f"selector speaker_similarity wants an enrollment, and task '{batch.task}' has none."
            )
        estimates = self.embed(estimate.waveform, estimate.lengths, estimate.sample_rate)
        enrollments = self.embed(batch.enrollment, batch.enrollment_lengths, batch.sample_rate)
        similarity = F.cosine_similarity(estimates, enrollments)
        return -similarity if batch.task == "rtse" else similarity

    def embed(self, waveform: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """(B, N) at ``sample_rate`` Hz -> (B, E); each row by itself, so that no batch mate counts."""
        rows = []
        for signal, length in zip(waveform.float().cpu(), lengths.tolist()):
            samples = resample(signal[:length].numpy(), sample_rate, self.encoder.sample_rate)
            rows.append(self.encoder(torch.from_numpy(samples)[None], None)[0])
        return torch.stack(rows).to(waveform.device)
