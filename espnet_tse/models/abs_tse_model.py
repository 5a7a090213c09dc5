"""What every target speaker extraction model offers to training, decoding and the API."""

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Iterator, Mapping

import torch
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import Tensor

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.models.abs_corrector import AbsCorrector
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.best_of import EstimateFunction, best_of
from espnet_tse.models.correction import corrected
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.models.level import levels_db, restore_level
from espnet_tse.models.long_form import (
    Effort,
    chunk_and_overlap,
    chunk_starts,
    cross_faded,
    extract_in_chunks,
    extracted_chunks,
)
from espnet_tse.models.prepared_input import prepared
from espnet_tse.models.recording import Recording
from espnet_tse.schema import Conditions, DecodeConf, Estimate, Prediction, Request, TSEBatch
from espnet_tse.schema.decode_conf import ENROLLED
from espnet_tse.schema.presence import PresenceThreshold

FROZEN = "frozen_"  # begins the names of frozen copies


class AbsTSEModel(AbsESPnetModel, ABC):
    """A composition of parts with ESPnet's training contract and one ``extract``."""

    Config: ClassVar[type]  # frozen dataclass, the YAML's ``model_conf``
    Decode: ClassVar[type[DecodeConf]] = DecodeConf  # frozen dataclass, a decoding YAML
    slots: ClassVar[dict[str, Slot]]  # the parts, in the order in which they are built
    # Name under ``tokenizers:`` -> what has to stand there.
    tokenizers: ClassVar[dict[str, type[AbsIdentified]]] = {}
    pretrained: ClassVar[dict[str, Pretrained]] = {}  # names under ``pretrained:`` that it can begin with
    tasks: ClassVar[tuple[str, ...]] = ("tse",)  # of ``schema.tse_batch.TASKS``, those it was made for
    sample_rate: int  # Hz, of everything that goes in and comes out
    config: Any  # its ``Config``
    presence_threshold: PresenceThreshold | None = None  # of its weights, where it was calibrated
    # Option -> ``Config`` of the model and its parts; none of one that no YAML has built.
    configs: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def faults_of_decoding(cls, conf: DecodeConf, configs: Mapping[str, Any]) -> list[str]:
        """Settings with which ``extract`` would fail, each with its fix.

        Args:
            conf: a ``Decode``.
            configs: option -> ``Config`` of every part that has been chosen; ``model`` is the model's own.
        """
        return []

    @classmethod
    def remarks(cls, conf: DecodeConf, configs: Mapping[str, Any]) -> list[str]:
        """What of ``conf`` is allowed and may not be meant; arguments as of ``faults_of_decoding``."""
        return []

    @classmethod
    def check_system(cls, config: Any, system: type["AbsTSEModel"], configs: Mapping[str, Any]) -> None:
        """Raise DataError where ``config``, a ``Config`` or ``Decode``, does not go with a system that is to be run as it is.

        Args:
            configs: option -> ``Config`` of the system's parts.
        """

    def resolved(self, conf: DecodeConf) -> DecodeConf:
        """``conf``, a ``Decode``, with all that it leaves to this system and to those that are run as they are.

        Raises:
            DataError: what it gives does not go with that.
        """
        return conf if conf.level is not None else replace(conf, level=self.own_level)

    @property
    def own_level(self) -> str:
        """``level`` of a decoding that leaves it open."""
        return "mixture_rms"

    def check_systems(self, conf: DecodeConf | None) -> None:
        """Raise DataError where settings do not go with the systems that are run as they are; None: those of training."""

    @abstractmethod
    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Training criterion (scalar) and statistics (scalars) of a batch with targets."""

    @abstractmethod
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        """Extract rows of at most ``max_chunk_s`` seconds; level not yet restored."""

    def conditions(self, batch: TSEBatch) -> Conditions | None:
        """What of an estimate nothing is drawn for, so that several candidates can share it; None where it is not separate."""
        return None

    def conditions_for(self, batch: TSEBatch, request: Request) -> Conditions:
        """The request's, or what ``conditions`` makes of the batch."""
        return self.conditions(batch) if request.conditions is None else request.conditions

    def keep_frozen(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Keep a copy of the part ``name`` with these weights: no gradient, no dropout, in no checkpoint."""
        copy = deepcopy(getattr(self, name))
        copy.load_state_dict(weights)
        self.add_module(f"{FROZEN}{name}", copy.requires_grad_(False).eval())
        leave_out_of_checkpoints(self, f"{FROZEN}{name}")

    def keep_system(self, name: str, system: "AbsTSEModel") -> None:
        """Keep another system to be run as it is: no gradient, no dropout, in no checkpoint.

        Raises:
            ValueError: it works at another sample rate.
        """
        if system.sample_rate != self.sample_rate:
            raise ValueError(
                f"the {name} works at {system.sample_rate} Hz, this one at {self.sample_rate} Hz."
            )
        self.add_module(f"{FROZEN}{name}", system.requires_grad_(False).eval())
        leave_out_of_checkpoints(self, f"{FROZEN}{name}")

    def frozen(self, name: str) -> torch.nn.Module:
        """The copy of ``keep_frozen``.

        Raises:
            DataError: there is none, for the system is not trained by the task.
        """
        if not hasattr(self, f"{FROZEN}{name}"):
            raise DataError(
                f"the frozen {name} is lacking; name a trained system that has it (pretrained: in the YAML)."
            )
        return getattr(self, f"{FROZEN}{name}")

    def train(self, mode: bool = True) -> "AbsTSEModel":
        super().train(mode)
        for name, part in self.named_children():
            if name.startswith(FROZEN):
                part.eval()
        return self

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
    def extract(
        self,
        batch: TSEBatch,
        conf: DecodeConf | None = None,
        given: Prediction | None = None,
        selector: AbsSelector | None = None,
        corrector: AbsCorrector | None = None,
    ) -> Estimate:
        """Extract the enrolled speaker from each mixture, of any length.

        Args:
            batch: mixtures and enrollments; ``keys`` seed the rows' draws (row numbers where absent).
            conf: a ``Decode`` of this model; its defaults when None.
            given: what of the result is known beforehand, see ``Request``.
            selector: chooses among ``conf.candidates``.
            corrector: has the last word; ``conf.corrector`` names it.
        Returns:
            (B, N) waveform at the mixture's length, level as ``conf.level`` says.
        Raises:
            ValueError: the batch has another sample rate or task than the model, or an empty row; ``conf`` is
                of another model; or there are candidates and no selector, or another corrector than it says.
        """
        conf = self.Decode() if conf is None else conf
        self._check(batch, conf)
        conf = self.resolved(conf)
        batch, estimate = prepared(batch), self.estimate_by(conf, selector, corrector)
        keys = [str(row) for row in range(batch.mixture.size(0))] if batch.keys is None else batch.keys
        request = Request(batch.mixture_lengths, keys, conf, given)
        result = extract_in_chunks(estimate, batch, request)
        result.diagnostics = {**result.diagnostics, "level_db": levels_db(result.waveform, batch)}
        result.waveform = restore_level(result.waveform, batch, conf.level)
        return result

    @torch.no_grad()
    def extract_recording(
        self,
        recording: Recording,
        conf: DecodeConf,
        selector: AbsSelector | None = None,
        effort: Effort | None = None,
        corrector: AbsCorrector | None = None,
    ) -> Iterator[Tensor]:
        """As ``extract``, of one mixture that is read chunk by chunk: memory does not grow with its length.

        Args:
            effort: is added to.
        Yields:
            (n,) spans that follow each other; their level is not restored.
        """
        conf = self.resolved(conf)
        chunk, overlap = chunk_and_overlap(conf, self.sample_rate)
        starts = chunk_starts(recording.num_samples, chunk, overlap)
        chunk = min(chunk, recording.num_samples)

        def crop(starts: Tensor, lengths: Tensor) -> tuple[TSEBatch, Request]:
            batch, request = recording.chunks(starts, lengths, conf)
            self._check(batch, conf)
            return batch, request

        estimate = self.estimate_by(conf, selector, corrector)
        yield from cross_faded(extracted_chunks(estimate, crop, starts, chunk, effort or Effort()))

    def estimate_by(
        self, conf: DecodeConf, selector: AbsSelector | None, corrector: AbsCorrector | None = None
    ) -> EstimateFunction:
        """``estimate``, best of ``conf.candidates``, corrected."""
        if (conf.corrector is None) != (corrector is None):
            raise ValueError(
                f"corrector: {conf.corrector}, but {'none' if corrector is None else 'one'} is given."
            )
        if corrector is not None:
            return corrected(self.best_estimate(conf, selector), corrector)
        return self.best_estimate(conf, selector)

    def best_estimate(self, conf: DecodeConf, selector: AbsSelector | None) -> EstimateFunction:
        """``estimate``, best of ``conf.candidates``."""
        if conf.candidates == 1:
            return self.estimate
        if selector is None:
            raise ValueError(f"candidates: {conf.candidates} wants a selector; give one to extract().")
        return best_of(self.estimate, selector, self.conditions)

    def _check(self, batch: TSEBatch, conf: DecodeConf) -> None:
        """Raise ValueError for what ``extract`` does not take."""
        if type(conf) is not self.Decode:
            raise ValueError(
                f"{type(self).__name__} takes settings of {self.Decode.__name__}, not {type(conf).__name__}."
            )
        if batch.sample_rate != self.sample_rate:
            raise ValueError(
                f"the model works at {self.sample_rate} Hz but the batch is at {batch.sample_rate} Hz; "
                "resample it."
            )
        if batch.task not in self.tasks:
            raise ValueError(f"task '{batch.task}' is none of this model's: {', '.join(self.tasks)}.")
        wants_enrollment = batch.task in ENROLLED
        if wants_enrollment != (batch.enrollment is not None):
            raise ValueError(
                f"task '{batch.task}' {'wants an' if wants_enrollment else 'takes no'} enrollment."
            )
        lengths = [batch.mixture_lengths, *([batch.enrollment_lengths] if wants_enrollment else [])]
        if min(int(length.min()) for length in lengths) < 1:
            raise ValueError("an empty mixture or enrollment cannot be extracted; remove it from the scp.")
