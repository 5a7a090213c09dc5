"""UniSE: restoration, extraction, reverse extraction and separation by one language model (arXiv:2510.20441)."""

from dataclasses import dataclass, replace
from typing import Any, Mapping

import torch
from torch import Tensor

from espnet_tse.io.slots import Slot
from espnet_tse.lm.task_lm import TASKS, TaskLM
from espnet_tse.lm.token_lm import TokenDecode
from espnet_tse.loss.smoothed_cross_entropy import mean_over, smoothed_divergence
from espnet_tse.models.abs_corrector import AbsCorrector
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.abs_token_model import ENCODER, VOCODER, AbsTokenModel, target_codes
from espnet_tse.schema import (
    Codes,
    Conditions,
    DecodeConf,
    Estimate,
    Prediction,
    Request,
    TSEBatch,
    tse_batch,
)
from espnet_tse.schema.rows import take_spans


def specs_of(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``TaskLM`` is given."""
    acoustic = tokenizers["acoustic"]
    names = [name for name in ("global", "semantic") if name in acoustic.streams]
    return {
        "specs": {name: acoustic.streams[name] for name in names},
        "sample_rate": acoustic.sample_rate,
    }


@dataclass(frozen=True)
class UniSEConfig:
    """How it is trained; the defaults are ours where the released code's are known to hurt."""

    label_smoothing: float = 0.1
    # Of a global token against a semantic one: the first ones decide whose voice follows. 1 in the released code.
    global_weight: float = 2.0
    # Share of the semantic tokens of the history that are drawn at random, against copying. Each row draws its own,
    # up to twice this one, so that whatever decoding gets wrong was seen in training. 0 in the released code.
    random_tokens: float = 0.1
    # Each token against the whole vocabulary and the end as a token, as in the released code; else against its
    # own stream, which is all that decoding lets it choose from.
    whole_vocabulary: bool = False

    def __post_init__(self):
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"label_smoothing is {self.label_smoothing}, want a share in [0, 1).")
        if not 0.0 <= self.random_tokens <= 0.5:
            raise ValueError(f"random_tokens is {self.random_tokens}, want a share in [0, 0.5].")
        if self.global_weight <= 0:
            raise ValueError(f"global_weight is {self.global_weight}, want a positive number.")


@dataclass(frozen=True)
class UniSEDecode(TokenDecode):
    """Settings of an extraction by UniSE; chunks are as long as the examples of training."""

    max_chunk_s: float = 5.0
    overlap_s: float = 0.5
    # Separation: what reverse extraction is enrolled by, the restored louder talker, as in the released code, or
    # the first extracted one, as in the paper.
    separation_enrollment: str = "restored"
    # Separation: share of equal semantic tokens of both outputs from which on there is no second talker.
    same_talker: float = 0.5

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.separation_enrollment not in ("restored", "extracted"):
            faults.append(
                f"separation_enrollment '{self.separation_enrollment}' is neither restored nor extracted"
            )
        if not 0.0 < self.same_talker <= 1.0:
            faults.append(f"same_talker is {self.same_talker}, want a share in (0, 1]")
        return faults


class UniSE(AbsTokenModel):
    """Conditions of mixture and enrollment, a task token, then the target's codes.

    63,326,720 parameters at paper size with its adapter.
    """

    Config = UniSEConfig
    Decode = UniSEDecode
    tasks = ("tse", "rtse", "sr", "ss")
    slots = {"lm": Slot("lm", given=specs_of, kind=TaskLM), "encoder": ENCODER, "vocoder": VOCODER}

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Smoothed cross entropy of the codes, each row with its own task.

        Raises:
            DataError: the batch has no codes.
        """
        global_codes, codes = target_codes(batch, "global"), target_codes(batch, "semantic")
        tasks = task_tokens(batch)
        history = self.with_random_tokens(codes) if self.training and self.config.random_tokens else codes
        hidden = self.lm.hidden_states(self.encoder(batch), tasks, global_codes, history)
        losses, correct, is_global, is_semantic = self.token_losses(hidden, global_codes, codes)
        weight = self.config.global_weight
        counted = is_global | is_semantic
        weights = torch.where(is_global, weight, 1.0) * counted
        loss = (losses * weights).sum() / weights.sum().clamp_min(1.0)
        stats = {
            "loss_global": mean_over(losses, is_global),
            "loss_semantic": mean_over(losses, is_semantic),
            "acc_global": mean_over(correct, is_global),
            "acc_semantic": mean_over(correct, is_semantic),
        }
        first = torch.zeros_like(is_global)
        first[:, 0] = True
        stats["acc_first_global"] = mean_over(correct, first)
        return loss, stats

    def token_losses(
        self, hidden: Tensor, global_codes: Codes, codes: Codes
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss and rightness (0 or 1) of each position, and which are of global and of semantic tokens, (B, L) each."""
        smoothing = self.config.label_smoothing
        if self.config.whole_vocabulary:
            labels = self.lm.vocabulary_labels(global_codes, codes)
            is_global = torch.zeros_like(labels, dtype=torch.bool)
            is_global[:, : self.lm.num_globals + 1] = True
            losses, correct = divergence_and_rightness(self.lm.head(hidden), labels, smoothing)
            return losses, correct, is_global, ~is_global & (labels >= 0)
        logits = self.lm.span_logits(hidden)
        parts = [
            divergence_and_rightness(logits.globals, global_codes.values[:, 0], smoothing),
            divergence_and_rightness(logits.semantic, codes.values[:, 0], smoothing),
        ]
        losses, correct = (torch.cat(pair, dim=1) for pair in zip(*parts))
        is_global = torch.zeros_like(losses, dtype=torch.bool)
        is_global[:, : self.lm.num_globals] = True
        valid = torch.cat([torch.ones_like(is_global[:, : self.lm.num_globals]), ~codes.padding_mask], dim=1)
        return losses, correct, is_global, ~is_global & valid

    def with_random_tokens(self, codes: Codes) -> Codes:
        """Codes of which each row has a share replaced by random ones."""
        size, device = self.lm.specs["semantic"].codebook_size, codes.values.device
        drawn = torch.randint_like(codes.values, size)
        share = 2 * self.config.random_tokens * torch.rand(len(codes.values), 1, 1, device=device)
        replaced = torch.rand(codes.values.shape, device=device) < share
        replaced &= ~codes.padding_mask[:, None]
        return Codes(torch.where(replaced, drawn, codes.values), codes.lengths, codes.frame_rate)

    def predict(self, conditions: Conditions, batch: TSEBatch, request: Request) -> Prediction:
        """Of restoration, extraction and reverse extraction, each row by its task."""
        return self.lm.generate(conditions, task_tokens(batch), request)

    @torch.no_grad()
    def extract(
        self,
        batch: TSEBatch,
        conf: DecodeConf | None = None,
        given: Prediction | None = None,
        selector: AbsSelector | None = None,
        corrector: AbsCorrector | None = None,
    ) -> Estimate:
        """As every model; of task ``ss`` the first talker, with the other one as ``second``."""
        if batch.task != "ss":
            return super().extract(batch, conf, given, selector, corrector)
        conf = self.Decode() if conf is None else conf
        self._check(batch, conf)
        enrollment = self.restored_loudest(batch, conf, selector, corrector)
        if conf.separation_enrollment == "restored":
            # Both at once: a row more costs far less than a pass more.
            both = super().extract(
                enrolled(batch, *enrollment, ("tse", "rtse")), conf, selector=selector, corrector=corrector
            )
            first, second = (both.rows(rows) for rows in torch.arange(2 * len(batch.mixture)).chunk(2))
        else:
            first = super().extract(
                enrolled(batch, *enrollment, ("tse",)), conf, selector=selector, corrector=corrector
            )
            starts, lengths = loudest_spans(first.waveform, first.lengths, enrollment[0].size(1))
            enrollment = take_spans(first.waveform, starts, lengths), lengths
            second = super().extract(
                enrolled(batch, *enrollment, ("rtse",)), conf, selector=selector, corrector=corrector
            )
            first.num_function_evaluations += second.num_function_evaluations
        first.second = second.waveform
        shares = self.equal_shares(first.waveform, second.waveform, first.lengths)
        first.diagnostics = {
            **first.diagnostics,
            # Where both talkers were one batch, these are followed by those of the second.
            "level_db": first.diagnostics["level_db"][: len(batch.mixture)],
            "second_talker": [share < conf.same_talker for share in shares],
        }
        return first

    def restored_loudest(
        self,
        batch: TSEBatch,
        conf: UniSEDecode,
        selector: AbsSelector | None,
        corrector: AbsCorrector | None,
    ) -> tuple[Tensor, Tensor]:
        """(B, N) and (B,), the restored talker of each row's loudest ``max_chunk_s`` seconds.

        Restoration is trained to keep the louder of two talkers.
        """
        chunk = min(int(conf.max_chunk_s * self.sample_rate), batch.mixture.size(1))
        starts, lengths = loudest_spans(batch.mixture, batch.mixture_lengths, chunk)
        restored = super().extract(
            replace(batch.crop(starts, lengths), task="sr"), conf, selector=selector, corrector=corrector
        )
        return restored.waveform, restored.lengths

    def equal_shares(self, first: Tensor, second: Tensor, lengths: Tensor) -> list[float]:
        """Share of the frames of each row in which two signals have the same semantic code."""
        codec = self.vocoder.codec
        pair = [codec.tokenize(signal, lengths)["semantic"] for signal in (first, second)]
        equal = (pair[0].values == pair[1].values)[:, 0] & ~pair[0].padding_mask
        return (equal.sum(dim=1) / pair[0].lengths).tolist()


def task_tokens(batch: TSEBatch) -> Tensor:
    """(B,) places of the rows' tasks among the language model's."""
    places = [TASKS.index(name) if name in TASKS else -1 for name in tse_batch.TASKS]
    return torch.tensor(places, device=batch.mixture.device)[batch.task_numbers()]


def divergence_and_rightness(logits: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Of each position, (B, L) each, from logits (B, L, V) and labels (B, L), negative where nothing counts."""
    flat = labels.clamp_min(0).flatten()
    losses = smoothed_divergence(logits.flatten(0, 1), flat, smoothing).view(labels.shape)
    return losses, (logits.argmax(dim=-1) == labels).to(losses)


def enrolled(batch: TSEBatch, enrollment: Tensor, lengths: Tensor, tasks: tuple[str, ...]) -> TSEBatch:
    """The rows with an enrollment, once for each task."""
    batch = replace(batch, task="tse", enrollment=enrollment, enrollment_lengths=lengths)
    number = len(batch.mixture)
    batch = batch.rows(torch.arange(number).repeat(len(tasks)))
    numbers = torch.tensor([tse_batch.TASKS.index(task) for task in tasks], device=batch.mixture.device)
    return replace(batch, tasks=numbers.repeat_interleave(number))


def loudest_spans(signal: Tensor, lengths: Tensor, num_samples: int) -> tuple[Tensor, Tensor]:
    """Starts and lengths (B,) of the spans of at most ``num_samples`` samples that hold the most energy."""
    starts = []
    for row, length in zip(signal, lengths.tolist()):
        span = min(num_samples, length)
        energy = torch.nn.functional.pad(row[:length].double().square().cumsum(0), (1, 0))
        starts.append(int((energy[span:] - energy[: length - span + 1]).argmax()))
    starts = torch.tensor(starts, device=lengths.device)
    return starts, lengths.clamp_max(num_samples)
