"""What every target speaker extraction model offers to training, decoding and the API."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import Tensor

from espnet_tse.schema.padding import valid_mask
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.models.long_form import extract_in_chunks
from espnet_tse.schema import DecodeConf, Estimate, TSEBatch
from espnet_tse.io.scp import DataError


class AbsTSEModel(AbsESPnetModel, ABC):
    """An encoder / lm / vocoder triple with ESPnet's training contract and one ``extract``."""

    sample_rate: int  # Hz, of everything that goes in and comes out
    slots: tuple[str, ...] = ("frontend", "encoder", "lm", "vocoder")  # the options of a YAML it is composed of
    needs_codec: bool = True
    config: Any  # its ``Config``
    has_front_end: bool = False  # knows ``DecodeConf.front_end_settings``

    @classmethod
    def remarks(cls, conf: DecodeConf, config: Any) -> list[str]:
        """What of ``conf`` is allowed and may not be meant, for a model of the configuration ``config``."""
        return []

    @abstractmethod
    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Training criterion (scalar) and statistics (scalars) of a batch with targets."""

    @abstractmethod
    def estimate(self, batch: TSEBatch, conf: DecodeConf) -> Estimate:
        """Extract rows of at most ``conf.max_chunk_s`` seconds; level not yet restored."""

    def forward(self, **data) -> tuple[Tensor, dict, Tensor]:
        """ESPnet's contract: padded tensors by name -> (loss, stats, weight in seconds of mixture)."""
        batch = to_tse_batch(data, self.sample_rate)
        loss, stats = self.loss(batch)
        # Criteria are means over time: with seconds as weights the mean over batches, or over processes,
        # is that of one large batch. A tensor: as a number it would wait for the GPU in each pass.
        weight = batch.mixture_lengths.sum() / self.sample_rate
        stats = {name: value.detach()[None] for name, value in {"loss": loss, **stats}.items()}
        return loss[None], stats, weight[None]  # one-dimensional, as ESPnet wants them

    def collect_feats(self, **data) -> dict[str, Tensor]:
        """ESPnet's statistics stage: nothing is normalised by corpus statistics here."""
        return {}

    @torch.no_grad()
    def extract(self, batch: TSEBatch, conf: DecodeConf) -> Estimate:
        """Extract the enrolled speaker from each mixture, of any length.

        Args:
            batch: mixtures and enrollments; ``keys`` seed the rows' draws (row numbers where absent).
        Returns:
            (B, N) waveform at the mixture's length, level as ``conf.level`` says.
        Raises:
            ValueError: the batch has another sample rate than the model, or an empty row; or ``conf`` has
                settings of systems with a front-end, and this is none.
        """
        if conf.front_end_settings and not self.has_front_end:
            raise DataError(
                f"inference config: {', '.join(conf.front_end_settings)} is for systems with a front-end "
                f"(model: usef_laura_tse), this is {type(self).__name__}; leave it out."
            )
        if batch.sample_rate != self.sample_rate:
            raise ValueError(
                f"the model works at {self.sample_rate} Hz but the batch is at {batch.sample_rate} Hz; resample it."
            )
        if int(batch.mixture_lengths.min()) < 1 or int(batch.enrollment_lengths.min()) < 1:
            raise ValueError("an empty mixture or enrollment cannot be extracted; remove it from the scp.")
        if batch.keys is None:
            batch.keys = [str(row) for row in range(batch.mixture.size(0))]
        estimate = extract_in_chunks(self.estimate, batch, conf)
        estimate.waveform = restore_level(estimate.waveform, batch, conf.level)
        return estimate


def restore_level(waveform: Tensor, batch: TSEBatch, level: str) -> Tensor:
    """Scale each row to the RMS or peak of its mixture; a silent row stays silent.

    Args:
        waveform: (B, N) estimates.
        level: ``mixture_rms``, ``mixture_peak`` or ``none``.
    """
    if level == "none":
        return waveform
    mixture = batch.mixture * valid_mask(batch.mixture_lengths, batch.mixture.size(1))
    if level == "mixture_rms":
        wanted, given = mixture.square().sum(dim=1).sqrt(), waveform.square().sum(dim=1).sqrt()
    else:
        wanted, given = mixture.abs().amax(dim=1), waveform.abs().amax(dim=1)
    scaled = waveform * torch.where(given > 0, wanted / given.clamp_min(1e-12), torch.ones_like(given))[:, None]
    # What cannot be stored without clipping is turned down as a whole.
    return scaled / scaled.abs().amax(dim=1, keepdim=True).clamp_min(1.0)
