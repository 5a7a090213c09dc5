"""A corrector as a system: another one as it is, then one step from its estimate and the mixture to the target."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Mapping

import torch
from torch import Tensor

from espnet_tse.flow.spectral_corrector import Draw, SpectralCorrector
from espnet_tse.io.choices import checked
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.loss.waveform_ratio import negative_si_sdr
from espnet_tse.models.abs_corrector import AbsCorrector
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.models.correction import corrected
from espnet_tse.models.level import restore_level
from espnet_tse.models.long_form import extract_in_chunks
from espnet_tse.schema import DecodeConf, Estimate, Request, TSEBatch

LARGEST_SEED = 2**31 - 1


def faults_of_shared(system: Mapping[str, Any]) -> list[str]:
    """Settings of a system that it has from its corrector."""
    shared = [name for name in (field.name for field in fields(DecodeConf)) if name in system]
    return [
        f"system: {name} is not the system's alone; leave it out there (in decoding it may stand beside system)"
        for name in shared
    ]


@dataclass(frozen=True)
class CorrectorConfig:
    """What it is trained on."""

    # Decoding settings of the system while its estimates are learned from, as {steps: 10}.
    system: dict = field(default_factory=dict)
    # Shares of the rows whose estimate is the mixture, or the target: what other systems may give is no worse or better.
    mixture_share: float = 0.1
    target_share: float = 0.1

    def __post_init__(self):
        if min(self.mixture_share, self.target_share) < 0 or self.mixture_share + self.target_share > 1:
            raise ValueError(
                f"mixture_share {self.mixture_share} and target_share {self.target_share} want shares in [0, 1], of "
                "at most 1 together."
            )
        if faults := faults_of_shared(self.system):
            raise ValueError("; ".join(faults) + ".")


@dataclass(frozen=True)
class CorrectorDecode(DecodeConf):
    """Settings of a correction; candidates are the system's, of which one is corrected."""

    # Those of the system when None: it may take no longer chunks than its examples were.
    max_chunk_s: float | None = None
    overlap_s: float | None = None
    system: dict = field(default_factory=dict)  # decoding settings of the system, as {steps: 20}

    def faults(self) -> list[str]:
        return [*super().faults(), *faults_of_shared(self.system)]

    @property
    def draws(self) -> bool:
        return True


class Corrector(AbsTSEModel, AbsCorrector):
    """SoloSpeech's corrector (arXiv:2505.19314) behind any system, which stays as it is.

    The system's estimates are made during training, anew for each example, so they are those of its free decoding.
    """

    Config = CorrectorConfig
    Decode = CorrectorDecode
    slots = {"corrector": Slot("corrector", kind=SpectralCorrector)}
    pretrained = {"system": Pretrained((), whole=True)}

    def __init__(self, config: CorrectorConfig, corrector: SpectralCorrector):
        super().__init__()
        self.config, self.corrector = config, corrector

    @classmethod
    def from_config(cls, config: CorrectorConfig, corrector: SpectralCorrector) -> "Corrector":
        return cls(config, corrector)

    @property
    def sample_rate(self) -> int:
        return self.corrector.config.sample_rate

    @property
    def own_level(self) -> str:
        return self.frozen("system").own_level

    def settings_of_system(self, given: dict[str, Any], **shared: Any) -> DecodeConf:
        """The ``Decode`` of the system, with what it leaves to that, as in its own extraction.

        Raises:
            DataError: settings that it does not have, or that do not go with it.
        """
        system = self.frozen("system")
        return system.resolved(settings_of(type(system), system.configs, given, **shared))

    @classmethod
    def check_system(
        cls, config: CorrectorConfig | CorrectorDecode, system: type[AbsTSEModel], configs: Mapping[str, Any]
    ) -> None:
        if isinstance(config, CorrectorDecode):
            with_chunks_of(config, system.Decode())
            settings_of(system, configs, config.system, **shared_with_system(config))
        else:
            settings_of(system, configs, config.system)

    def resolved(self, conf: CorrectorDecode) -> CorrectorDecode:
        system = self.frozen("system")
        return with_chunks_of(super().resolved(conf), system.resolved(system.Decode()))

    def check_systems(self, conf: CorrectorDecode | None) -> None:
        if conf is None:
            self.settings_of_system(self.config.system)
        else:
            self.settings_before(conf)

    def settings_before(self, conf: CorrectorDecode) -> DecodeConf:
        """Of the system in an extraction."""
        return self.settings_of_system(conf.system, **shared_with_system(conf))

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Negative SI-SDR, dB, of the correction; in validation also that of the system's estimate.

        Raises:
            DataError: the batch has no target.
        """
        if batch.target is None:
            raise DataError("a corrector learns from targets; the set wants spk1.scp, or mixing.yaml.")
        first, lengths = self.first_estimates(batch), batch.mixture_lengths
        if not self.training:
            generator = torch.Generator(first.device).manual_seed(0)
            estimate = self.corrector.correct(batch.mixture, first, lengths, [noise(generator)] * len(first))
            loss = negative_si_sdr(estimate, batch.target, lengths)
            return loss, {"loss_system": negative_si_sdr(first, batch.target, lengths)}
        heard = self.corrector.hidden_span(self.exchanged(first, batch), lengths)
        estimate = self.corrector.correct(batch.mixture, heard, lengths, [noise(None)] * len(first))
        return negative_si_sdr(estimate, batch.target, lengths), {}

    @torch.no_grad()
    def first_estimates(self, batch: TSEBatch) -> Tensor:
        """(B, N) by the system, each row with the RMS of its mixture."""
        # What is drawn differs from example to example, and is the same in every validation.
        seed = int(torch.randint(LARGEST_SEED, ())) if self.training else 0
        system = self.frozen("system")
        conf = self.settings_of_system(self.config.system, seed=seed)
        rows = [str(row) for row in range(len(batch.mixture))]
        request = Request(batch.mixture_lengths, batch.keys or rows, conf)
        first = extract_in_chunks(system.estimate_by(conf, None), batch, request)
        return restore_level(first.waveform.float(), batch, "mixture_rms")

    def exchanged(self, first: Tensor, batch: TSEBatch) -> Tensor:
        """(B, N) with mixtures and targets in place of some rows."""
        drawn = torch.rand(len(first), 1, device=first.device)
        first = torch.where(drawn < self.config.mixture_share, batch.mixture, first)
        return torch.where(drawn > 1 - self.config.target_share, batch.target, first)

    def correct(self, batch: TSEBatch, estimate: Tensor, request: Request) -> Tensor:
        draws = [noise(row_generator(key, request.conf.seed)) for key in request.keys]
        return self.corrector.correct(batch.mixture, estimate, batch.mixture_lengths, draws)

    def best_estimate(self, conf: CorrectorDecode, selector: AbsSelector | None) -> EstimateFunction:
        settings = self.settings_before(conf)
        first = self.frozen("system").estimate_by(settings, selector)
        return corrected(lambda batch, request: first(batch, replace(request, conf=settings)), self)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        return self.best_estimate(replace(request.conf, candidates=1), None)(batch, request)


def settings_of(
    system: type[AbsTSEModel], configs: Mapping[str, Any], given: Mapping[str, Any], **shared: Any
) -> DecodeConf:
    """The ``Decode`` of a system that is corrected.

    Args:
        configs: option -> ``Config`` of its parts.
        given: its own settings.
        shared: those that it has in common with the corrector.
    Raises:
        DataError: settings that it does not have, or that do not go with it.
    """
    common = {field.name for field in fields(DecodeConf)}
    try:
        check_known(given, [f.name for f in fields(system.Decode) if f.name not in common], where="system")
        settings = checked(system.Decode, {**shared, **given}, "system")
        faults = system.faults_of_decoding(settings, configs) if configs else []
        if settings.wants_truth:
            faults.append("ratio: oracle reads the truth, which a corrector does not hand on; leave it out")
        if faults:
            raise ValueError("; ".join(f"system: {fault}" for fault in faults))
    except ValueError as error:
        raise DataError(f"{error} (settings of {system.__name__})") from error
    return settings


def shared_with_system(conf: CorrectorDecode) -> dict[str, Any]:
    """Settings of a correction that are the system's as well."""
    return {name: getattr(conf, name) for name in ("task", "seed", "candidates", "selector")}


def with_chunks_of(conf: CorrectorDecode, system: DecodeConf) -> CorrectorDecode:
    """``conf`` with the chunks of the system's settings where it has none.

    Raises:
        DataError: a chunk and an overlap that do not go together, one of them the system's.
    """
    names = [name for name in ("max_chunk_s", "overlap_s") if getattr(conf, name) is None]
    try:
        return replace(conf, **{name: getattr(system, name) for name in names})
    except ValueError as error:
        raise DataError(f"{error} ({' and '.join(names)} of the system; give both)") from error


def noise(generator: torch.Generator | None) -> Draw:
    """Normal values from a generator, from the global one where there is none."""
    if generator is None:
        return lambda shape: torch.randn(shape)
    return lambda shape: torch.randn(shape, generator=generator, device=generator.device)
