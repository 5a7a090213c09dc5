"""The Python interface: arrays in, arrays out."""

import logging
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.extractor.abs_extractor import AbsExtractor
from espnet_tse.extractor.given_embedding import GivenEmbedding
from espnet_tse.io.audio import resample
from espnet_tse.io.scp import DataError
from espnet_tse.io.signal_level import SignalLevel
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.corrector import Corrector
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.models.level import restoring_gain
from espnet_tse.models.prepared_input import prepared_enrollment
from espnet_tse.models.presence import PresenceJudge
from espnet_tse.models.streaming import ExtractionStream
from espnet_tse.schema import DecodeConf, Estimate, Frames, Prediction, Streams, TSEBatch
from espnet_tse.schema.decode_conf import ENROLLED
from espnet_tse.schema.presence import Presence
from espnet_tse.tasks.checkpoint import check_corrector, load_corrector, load_model
from espnet_tse.tasks.choices import SELECTORS, extractor_choices
from espnet_tse.tasks.decode_settings import (
    check_for_system,
    corrector_of,
    decode_settings,
    read_decode_settings,
)
from espnet_tse.tasks.presence import packaged_speaker_encoder
from espnet_tse.tasks.shipped import BASE
from espnet_tse.tasks.signal_faults import (
    check_embedding,
    check_lengths,
    check_samples,
    check_signal,
)

ONLY = "utt"  # the key of a mixture by itself; with the seed it decides what is drawn
# Names of extractors that can be trained for streams.
STREAMING = [
    name
    for name, extractor in extractor_choices.classes.items()
    if "causal" in {field.name for field in fields(extractor.Config)}
]


class Extractor:
    """Extract an enrolled speaker from mixtures.

    >>> extractor = Extractor.from_pretrained()                          # doctest: +SKIP
    >>> estimate = extractor(mixture, enrollment, sample_rate=16000)     # doctest: +SKIP
    """

    def __init__(
        self,
        model: AbsTSEModel,
        conf: DecodeConf | Mapping[str, Any] | None = None,
        where: str = "inference config",
    ):
        """
        Args:
            conf: decoding settings, the keys of a decoding YAML; the model's defaults when None.
            where: begins what is said of them.
        Raises:
            DataError: settings that the model, or a system that it runs, does not have or does not go with; no
                corrector for it.
        """
        self.model = model.eval()
        self.name = type(model).__name__  # in messages
        given = vars(conf) if isinstance(conf, DecodeConf) else conf or {}
        self.conf = decode_settings(type(model), given, where)
        self.model.check_systems(self.conf)
        self.conf = self.model.resolved(self.conf)
        if model.configs:  # of parts that were put together by hand nothing is known
            for remark in check_for_system(self.conf, type(model), model.configs, where):
                logging.warning(f"{where}: {remark}")
        self.selector = SELECTORS[self.conf.selector]() if self.conf.candidates > 1 else None
        self.corrector = None
        if self.conf.corrector is not None:
            self.corrector = load_corrector(self.conf.corrector, next(self.model.parameters()).device)
            if isinstance(model, Corrector) and weights_sha256(model) == weights_sha256(self.corrector):
                raise DataError(
                    f"{where}: corrector: {self.conf.corrector} is this system itself; leave it out."
                )
            if self.corrector.sample_rate != self.sample_rate:
                raise DataError(
                    f"corrector: {self.conf.corrector} works at {self.corrector.sample_rate} Hz, the system at "
                    f"{self.sample_rate} Hz; name one of its rate."
                )

    @classmethod
    def from_pretrained(
        cls,
        path_or_hf_id: str | Path | None = None,
        conf: DecodeConf | Mapping[str, Any] | str | Path | None = None,
        checkpoint: str | None = None,
        tokenizers: Mapping[str, str] | None = None,
        device: str = "cpu",
        task: str | None = None,
    ) -> "Extractor":
        """Open an ``exp/`` folder, a packed archive, a Hugging Face repository (``owner/name``), or ``base`` or ``stream``.

        Those two come with the package, with their cards, and the first is taken without a path.

        Args:
            conf: decoding settings or the path of a decoding YAML.
            checkpoint: file name in the folder.
            tokenizers: name -> folder, where they are not where training found them.
            task: in place of that of ``conf``.
        Raises:
            DataError: nothing usable there (the message says what was looked for), or settings that the
                system does not have.
        """
        place = BASE if path_or_hf_id is None else path_or_hf_id
        if corrector := corrector_of(conf):  # before the system is opened, which takes longer
            check_corrector(corrector)
        model = load_model(place, checkpoint, tokenizers, device)
        where = "inference config"
        if isinstance(conf, (str, Path)):
            where = str(conf)
            conf = read_decode_settings(where, type(model))
        if task is not None:
            conf = {**(vars(conf) if isinstance(conf, DecodeConf) else conf or {}), "task": task}
        extractor = cls(model, conf, where)
        extractor.name = str(place)
        return extractor

    @property
    def sample_rate(self) -> int:
        """Hz, of the model; other rates are resampled on the way in and out."""
        return self.model.sample_rate

    @property
    def takes_embeddings(self) -> bool:
        """Whether another model makes the embeddings of the enrollments (``speaker_encoder: given``)."""
        return any(isinstance(part, GivenEmbedding) for part in self.model.modules())

    @property
    def wants_enrollment(self) -> bool:
        """Whether ``conf.task`` has one."""
        return self.conf.task in ENROLLED

    def __call__(
        self, mixture: np.ndarray, enrollment: np.ndarray | None = None, sample_rate: int | None = None
    ) -> np.ndarray:
        """Extract one mixture.

        Args:
            mixture: (N,) float in [-1, 1].
            enrollment: (N_e,) float, another recording of the wanted speaker; of the other one for ``rtse``; None for
                ``sr`` and ``ss``.
            sample_rate: Hz, of both.
        Returns:
            (N,) float32 at ``sample_rate``; of task ``ss`` (2, N).
        Raises:
            DataError: an empty, multi-channel, not finite or silent input, no sample rate, or an enrollment where the
                task has none, or none where it has one.
        """
        mixture = check_signal(mixture, "mixture", sample_rate)
        self.refuse_other_enrollment(enrollment is not None)
        if enrollment is not None:
            enrollment = check_signal(enrollment, "enrollment", sample_rate)
            enrollment = resample(enrollment, sample_rate, self.sample_rate)
        estimates, _ = self.extract_one(mixture, sample_rate, enrollment)
        return estimates[0] if len(estimates) == 1 else np.stack(estimates)

    def extract_one(
        self, mixture: np.ndarray, sample_rate: int, enrollment: np.ndarray | None
    ) -> tuple[list[np.ndarray], Estimate]:
        """As a call, of checked signals; the enrollment is at the model's rate already.

        Returns:
            (N,) float32 at ``sample_rate``, two of task ``ss``; and what they are at the model's rate.
        """
        inside = resample(mixture, sample_rate, self.sample_rate)
        result = self.extract([inside], None if enrollment is None else [enrollment], [ONLY], checked=True)
        found = [result.waveform, *([] if result.second is None else [result.second])]
        waveforms = [self.at_rate_of(mixture, sample_rate, waveform[0].cpu().numpy()) for waveform in found]
        return waveforms, result

    def at_rate_of(self, mixture: np.ndarray, sample_rate: int, waveform: np.ndarray) -> np.ndarray:
        """An estimate at the model's rate -> (N,), as long as its mixture."""
        estimate = resample(waveform, self.sample_rate, sample_rate)[: len(mixture)]
        if sample_rate < self.sample_rate:  # what it had above the mixture's band is gone
            made, heard = SignalLevel(), SignalLevel()
            made.add(estimate)
            heard.add(mixture)
            estimate = estimate * np.float32(restoring_gain(made, heard, self.conf.level))
        return np.pad(estimate, (0, len(mixture) - len(estimate)))

    def presence(
        self, estimate: Estimate, enrollments: list[np.ndarray], compare: bool = True
    ) -> list[Presence]:
        """For each row of ``extract``: how much of its enrollment is speech, and whether that voice is in the estimate.

        Args:
            enrollments: those that it was extracted with.
            compare: the voices too, which takes two passes of the speaker encoder a row.
        Raises:
            DataError: an enrollment that cannot be used, or not one for each row.
        """
        if len(enrollments) != len(estimate.lengths):
            raise DataError(
                f"{len(enrollments)} enrollments of {len(estimate.lengths)} estimates; give one for each."
            )
        waveforms, lengths = estimate.waveform.cpu().numpy(), estimate.lengths.tolist()
        enrollments = [check_signal(enrollment, "enrollment", self.sample_rate) for enrollment in enrollments]
        return [
            self.presence_judge.judge([waveform[:length]], self.sample_rate, enrollment, level_db, compare)
            for waveform, length, enrollment, level_db in zip(
                waveforms, lengths, enrollments, estimate.diagnostics["level_db"], strict=True
            )
        ]

    @property
    def tells_presence(self) -> bool:
        """Whether there is a verdict, for which voices have to be compared."""
        return self.presence_judge.threshold is not None

    @cached_property
    def presence_judge(self) -> PresenceJudge:
        """With the threshold of the system where it was calibrated: for the system alone, by the settings that are its own."""
        irrelevant = {
            name: getattr(self.conf, name) for name in ("level", "seed", "max_chunk_s", "overlap_s")
        }
        own = replace(self.model.resolved(self.model.Decode()), **irrelevant)
        calibrated = self.conf == own and self.corrector is None
        encoder = packaged_speaker_encoder(next(self.model.parameters()).device)
        return PresenceJudge(encoder, self.model.presence_threshold if calibrated else None)

    def stream(self, enrollment: np.ndarray, sample_rate: int) -> ExtractionStream:
        """Begin an extraction whose mixture comes in chunks; causal discriminative systems only.

        Args:
            enrollment: (N_e,) float.
            sample_rate: Hz, of the enrollment and of the chunks; the model's own.
        Raises:
            DataError: the system cannot stream, works at another rate, has a corrector behind it or hears mixtures several times.
        """
        if self.corrector is not None:
            raise DataError("a corrector hears whole mixtures and cannot stream; leave out corrector.")
        extractor = self.causal_extractor()
        if self.conf.against_rest:
            raise DataError(
                "against_rest: true wants whole mixtures, and a stream comes piece by piece; set against_rest: false."
            )
        if self.conf.speeds not in (None, [1.0]):
            raise DataError(
                f"speeds: {self.conf.speeds} wants whole mixtures, and a stream is heard once, as it comes; set speeds: [1.0]."
            )
        if sample_rate != self.sample_rate:
            raise DataError(
                f"a stream runs at the model's {self.sample_rate} Hz, not at {sample_rate} Hz; resample it on its way "
                f"(sox -r {self.sample_rate}, ffmpeg -ar {self.sample_rate})."
            )
        samples = torch.from_numpy(check_signal(enrollment, "enrollment", sample_rate))[None]
        samples, lengths = prepared_enrollment(samples, torch.tensor([samples.size(1)]), sample_rate)
        device = next(self.model.parameters()).device
        with torch.no_grad():
            cue = extractor.enroll(samples.to(device), lengths.to(device))
        return ExtractionStream(extractor, cue)

    def causal_extractor(self) -> AbsExtractor:
        """The network, of a system that can stream.

        Raises:
            DataError: it cannot.
        """
        if not (isinstance(self.model, Discriminative) and self.model.extractor.causal):
            raise DataError(
                f"{self.name} hears whole mixtures and cannot stream; systems can that were trained with extractor_conf: "
                f"{{causal: true}}, which {', '.join(STREAMING)} have (doc/discriminative.md), and the one of the package, "
                "--model stream."
            )
        return self.model.extractor

    def extract(
        self,
        mixtures: list[np.ndarray],
        enrollments: list[np.ndarray] | None,
        keys: list[str],
        embeddings: list[np.ndarray] | None = None,
        targets: list[np.ndarray] | None = None,
        checked: bool = False,
    ) -> Estimate:
        """Extract a batch at the model's sample rate; ``keys`` seed the rows' draws.

        Args:
            mixtures, enrollments: (N,) float each; no enrollments where ``conf.task`` has none.
            embeddings: (E,) float each, of the enrollments, for systems with ``speaker_encoder: given``.
            targets: (N,) each, the truth, as long as its mixture, for settings that ask for it (``ratio: oracle``).
            checked: what is wrong with signals and embeddings was looked for where they were read, at their own rate.
        Returns:
            estimates padded to the longest mixture.
        Raises:
            DataError: lists of several lengths, a signal that a call refuses too, embeddings of several sizes or
                with NaN, a target that is no signal or not as long as its mixture, or an estimate that holds NaN or
                infinite samples.
        """
        given_lists = [
            keys,
            mixtures,
            *(given for given in (enrollments, embeddings, targets) if given is not None),
        ]
        if not keys or len(set(map(len, given_lists))) > 1:
            raise DataError(
                f"{len(keys)} keys, {len(mixtures)} mixtures and as many enrollments, embeddings and targets as are given "
                "want to be the same number, and at least one."
            )
        if self.conf.wants_truth != (targets is not None):
            raise DataError(
                "these settings read the true targets; give them: Extractor.extract(..., targets=[...])."
                if self.conf.wants_truth
                else "these settings read no true targets; leave them out."
            )
        self.refuse_other_enrollment(enrollments is not None)
        if not checked:
            mixtures = self._checked(mixtures, keys, "mixture")
            if enrollments is not None:
                enrollments = self._checked(enrollments, keys, "enrollment")
            if embeddings is not None:
                embeddings = [
                    check_embedding(embedding, f"embedding of '{key}'")
                    for key, embedding in zip(keys, embeddings)
                ]
            if targets is not None:
                targets = [
                    check_samples(target, f"true target of '{key}'") for key, target in zip(keys, targets)
                ]
        device = next(self.model.parameters()).device

        def pad(signals: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
            tensors = list(map(torch.from_numpy, signals))
            lengths = torch.tensor([len(tensor) for tensor in tensors])
            # One recording, which may last an hour, is not copied.
            padded = tensors[0][None] if len(tensors) == 1 else pad_sequence(tensors, batch_first=True)
            return padded.to(device), lengths.to(device)

        enrolled = (None, None) if enrollments is None else pad(enrollments)
        batch = TSEBatch(
            *pad(mixtures), *enrolled, sample_rate=self.sample_rate, keys=keys, task=self.conf.task
        )
        if embeddings is not None:
            if len(sizes := {embedding.shape for embedding in embeddings}) > 1:
                shown = " and ".join(str(size[0]) for size in sorted(sizes))
                raise DataError(
                    f"embeddings of {shown} values in one batch; take those of one model for all keys."
                )
            batch.speaker_embedding = torch.from_numpy(np.stack(embeddings)).to(device)
        given = None
        if targets is not None:
            check_lengths(keys, list(map(len, mixtures)), list(map(len, targets)))
            values, lengths = pad(targets)
            truth = Frames(values[..., None], lengths, self.sample_rate)
            given = Prediction(Streams(target=truth))
        estimate = self.model.extract(batch, self.conf, given, self.selector, self.corrector)
        self.refuse_not_finite(estimate, keys)
        for key, is_there in zip(keys, estimate.diagnostics.get("second_talker", [])):
            if not is_there:
                logging.warning(
                    f"no second talker in {'the mixture' if key == ONLY else repr(key)}: both estimates say the same"
                )
        return estimate

    def _checked(self, signals: list[np.ndarray], keys: list[str], role: str) -> list[np.ndarray]:
        return [
            check_signal(signal, f"{role} of '{key}'", self.sample_rate) for key, signal in zip(keys, signals)
        ]

    def refuse_other_enrollment(self, given: bool) -> None:
        """Raise DataError where the task has an enrollment and none is given, or the other way round."""
        if self.wants_enrollment != given:
            want = "wants an enrollment" if self.wants_enrollment else "takes no enrollment"
            raise DataError(f"task {self.conf.task} {want}.")

    def refuse_not_finite(self, estimate: Estimate, keys: list[str]) -> None:
        """Raise DataError where estimates hold NaN or infinite samples."""
        finite = estimate.waveform.isfinite().all(dim=1)
        if estimate.second is not None:
            finite &= estimate.second.isfinite().all(dim=1)
        if broken := [key for key, is_finite in zip(keys, finite.tolist()) if not is_finite]:
            raise not_finite(self.name, broken)


def not_finite(system: str, keys: list[str]) -> DataError:
    """What is said of estimates that hold NaN or infinite samples.

    Args:
        keys: of their mixtures.
    """
    named = "the mixture" if keys == [ONLY] else ", ".join(f"'{key}'" for key in keys)
    return DataError(
        f"the estimate of {named} by {system} holds NaN or infinite samples, so it was not written; take other decoding "
        "settings, or weights of a training whose loss was finite (--checkpoint)."
    )
