"""Discriminative extraction: a network maps mixture and enrollment to the target's waveform in one pass."""

from dataclasses import dataclass, field, replace
from typing import Any, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Extraction
from espnet_tse.extractor.given_embedding import GivenEmbedding, GivenEmbeddingConfig
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.layers.multi_resolution_stft import multi_resolution_stft
from espnet_tse.loss.speaker_classes import speaker_cross_entropy
from espnet_tse.loss.waveform_ratio import absent_energy, negative_si_sdr, negative_snr
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.against_rest import against_rest, at_mixture_level
from espnet_tse.models.at_speeds import at_speeds, faults_of_speeds
from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.schema import DecodeConf, Estimate, Request, TSEBatch

LOSSES = ("si_sdr", "snr", "multi_resolution_stft", "absent_energy", "speaker")
LEVELLED = ("snr", "multi_resolution_stft")  # by which outputs learn the target's level

NO_EMBEDDING = (
    "against_rest: true enrolls by the rest of the mixture, and of that nobody has given an embedding; set "
    "against_rest: false."
)


@dataclass(frozen=True)
class DiscriminativeConfig:
    """The criterion: names of ``LOSSES`` with their weights."""

    losses: dict[str, float] = field(default_factory=lambda: {"si_sdr": 1.0})
    si_sdr_max_db: float | None = None  # rows as good as this are left alone
    # Of each further scale in waveform losses (SpEx+); the first scale has the rest.
    coarser_weight: float = 0.1
    # Of the training set, for the loss "speaker"; training counts them itself.
    num_speakers: int | None = None
    # Of an extraction whose settings leave it open, see ``DiscriminativeDecode``; training hears recordings as they are.
    speeds: list[float] | None = None
    against_rest: bool = False  # likewise

    def __post_init__(self):
        check_known(self.losses, LOSSES, where="losses")
        if not set(self.losses) & {"si_sdr", "snr", "multi_resolution_stft"}:
            raise ValueError(
                f"losses {self.losses} compare no waveforms; name si_sdr, snr or multi_resolution_stft."
            )
        if not all(isinstance(weight, (int, float)) and weight > 0 for weight in self.losses.values()):
            raise ValueError(f"losses {self.losses} want positive weights.")
        if self.num_speakers is not None and self.num_speakers < 1:
            raise ValueError(f"num_speakers is {self.num_speakers}, want 1 or more, or nothing.")
        if not 0.0 <= self.coarser_weight < 0.5:
            raise ValueError(f"coarser_weight is {self.coarser_weight}, want a share in [0, 0.5).")
        if faults := faults_of_speeds(self.speeds):
            raise ValueError(f"{faults[0]}.")

    @property
    def wants_speakers(self) -> bool:
        return "speaker" in self.losses


@dataclass(frozen=True)
class DiscriminativeDecode(DecodeConf):
    """The shared settings, and the passes in which a recording is heard."""

    # Factors; the estimate is the mean of the passes. None leaves it to the system, of most of which it is one pass.
    speeds: list[float] | None = None
    # Whether the rest of the mixture is extracted, too, and the estimate weighed against it; None leaves it to the system.
    against_rest: bool | None = None

    def faults(self) -> list[str]:
        return super().faults() + faults_of_speeds(self.speeds)


class Discriminative(AbsTSEModel):
    """Any ``AbsExtractor`` with a criterion; needs no codec."""

    Config = DiscriminativeConfig
    Decode = DiscriminativeDecode
    slots = {"extractor": Slot("extractor")}

    def __init__(self, extractor: AbsExtractor, config: DiscriminativeConfig = DiscriminativeConfig()):
        super().__init__()
        self.extractor, self.config = extractor, config
        if config.against_rest and any(isinstance(part, GivenEmbedding) for part in extractor.modules()):
            raise ValueError(NO_EMBEDDING)
        if config.wants_speakers:
            if extractor.embedding_dim is None:
                raise ValueError(
                    f"the loss 'speaker' wants an embedding, and {type(extractor).__name__} makes none."
                )
            # The number of classes is that of training; to build and decode without it any will do.
            self.speaker_classes = nn.Linear(extractor.embedding_dim, config.num_speakers or 1)

    @classmethod
    def from_config(cls, config: DiscriminativeConfig, extractor: AbsExtractor) -> "Discriminative":
        return cls(extractor, config)

    @property
    def sample_rate(self) -> int:
        return self.extractor.sample_rate

    @property
    def own_level(self) -> str:
        """A system that has learned to be silent without its talker keeps its own level, or its silence would be turned up."""
        return "none" if "absent_energy" in self.config.losses else super().own_level

    def resolved(self, conf: DiscriminativeDecode) -> DiscriminativeDecode:
        conf = super().resolved(conf)
        own = {
            name: getattr(self.config, name)
            for name in ("speeds", "against_rest")
            if getattr(conf, name) is None
        }
        return replace(conf, **own)

    @classmethod
    def faults_of_decoding(cls, conf: DiscriminativeDecode, configs: Mapping[str, Any]) -> list[str]:
        if conf.against_rest and isinstance(configs.get("speaker_encoder"), GivenEmbeddingConfig):
            return [NO_EMBEDDING]
        return []

    def best_estimate(self, conf: DiscriminativeDecode, selector: AbsSelector | None) -> EstimateFunction:
        """``estimate``, the mean of those at several speeds, weighed against the rest of the mixture."""
        best = super().best_estimate(conf, selector)
        if conf.speeds is not None:
            best = at_speeds(best, conf.speeds)
        if not conf.against_rest:
            return best
        return against_rest(best if set(self.config.losses) & set(LEVELLED) else at_mixture_level(best))

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum of the criteria that the configuration names.

        Raises:
            DataError: the batch has no target.
        """
        if batch.target is None:
            raise DataError(
                "a discriminative system learns from targets; the set wants spk1.scp, or mixing.yaml."
            )
        result = self.extractor(batch)
        stats = {name: self.criterion(name, batch, result) for name in self.config.losses}
        loss = sum(weight * stats[name] for name, weight in self.config.losses.items())
        return loss, {f"loss_{name}": value for name, value in stats.items()}

    def criterion(self, name: str, batch: TSEBatch, result: Extraction) -> Tensor:
        """One of ``LOSSES``, without its weight."""
        if name == "speaker":
            logits = self.speaker_classes(result.embedding)
            return speaker_cross_entropy(logits, batch.speaker, batch.mixture_lengths)
        share = self.config.coarser_weight
        values = [self.compare(name, batch, waveform) for waveform in [result.waveform, *result.coarser]]
        return (1 - share * len(result.coarser)) * values[0] + share * sum(values[1:])

    def compare(self, name: str, batch: TSEBatch, waveform: Tensor) -> Tensor:
        """A criterion of waveforms."""
        target, lengths = batch.target, batch.mixture_lengths
        if name == "si_sdr":
            return negative_si_sdr(waveform, target, lengths, self.config.si_sdr_max_db)
        if name == "snr":
            return negative_snr(waveform, target, lengths)
        if name == "absent_energy":
            return absent_energy(waveform, target, batch.mixture, lengths)
        return multi_resolution_stft(waveform, target, lengths)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        """One pass of the extractor."""
        waveform = self.extractor(batch).waveform
        return Estimate(waveform, batch.mixture_lengths, batch.sample_rate, num_function_evaluations=1)
