"""The step of a codec: its objective and, if wanted, an adversary with its own optimizer."""

import math
from typing import Callable

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.adversary import AbsAdversary
from espnet_tse.codec.objective import AbsObjective, Reconstruction
from espnet_tse.codec.residual_quantizer import ResidualQuantizer
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.step import Phase, Step

RESTARTS = 1 << 32  # keeps the seeds of steps apart from those of segments


class CodecPass(nn.Module):
    """Segments through the codec: the loss of its objective and, while ``hears``, that of the adversary."""

    def __init__(self, codec: AbsIdentified, objective: AbsObjective, adversary: AbsAdversary | None):
        super().__init__()
        self.codec, self.objective = codec, objective
        self.judge = (adversary,)  # no part of this module: a phase of its own trains it
        self.hears = False

    def forward(
        self, waveform: Tensor, num_codebooks: Tensor | None = None, utt_id: list[str] | None = None
    ) -> tuple:
        """
        Args:
            waveform: (B, N), of utterances scaled to RMS 1.
            num_codebooks: (B,), codebooks that a row is decoded from; all when None.
        Returns:
            loss, statistics and weight in seconds; while the adversary hears, what ``AdversaryPass`` is
            given.
        """
        result = self.objective(self.codec, waveform, num_codebooks)
        loss, stats = result.loss, dict(result.stats)
        following = []
        if self.hears and self.training:
            adversarial, feature = self._charges(result)
            weights = self.judge[0].config
            loss = loss + weights.adversarial_weight * adversarial + weights.feature_weight * feature
            stats |= dict(adversarial=adversarial.detach(), feature=feature.detach())
            heard = {"target": result.target, "estimate": result.estimate.detach().float()}
            following = [{"waveform": waveform, **heard}]
        stats["loss"] = loss.detach()
        return loss, stats, seconds(waveform, self.codec.sample_rate), *following

    def _charges(self, result: Reconstruction) -> tuple[Tensor, Tensor]:
        [adversary] = self.judge
        adversary.requires_grad_(False)  # it is not to learn from what the codec pays
        charges = adversary.codec_losses(result.estimate.float(), result.target)
        adversary.requires_grad_(True)
        return charges


class AdversaryPass(nn.Module):
    """The adversary's own loss on what the codec has made."""

    def __init__(self, adversary: AbsAdversary, sample_rate: int):
        super().__init__()
        self.adversary, self.sample_rate = adversary, sample_rate

    def forward(
        self, waveform: Tensor, target: Tensor, estimate: Tensor, utt_id: list[str] | None = None
    ) -> tuple:
        """Loss, statistics and weight in seconds of segments (B, N), from what the adversary hears of them."""
        loss = self.adversary.discriminator_loss(estimate, target)
        return loss, {"discriminator": loss.detach()}, seconds(waveform, self.sample_rate)


def seconds(waveform: Tensor, sample_rate: int) -> Tensor:
    return torch.full((), waveform.numel() / sample_rate, device=waveform.device)


class CodecStep(Step):
    """All draws and the learning rate of a step follow from its number: a restart changes nothing."""

    unit = "step"
    advice = "lower lr or grad_clip; max_skipped_updates sets the limit"

    def __init__(
        self,
        conf: CodecTrainConf,
        codec: AbsIdentified,
        objective: AbsObjective,
        adversary: AbsAdversary | None,
        segments: Callable[[], Tensor],
    ):
        """
        Args:
            segments: gives (B, N) that statistics and tables are computed from before the first step.
        """
        self.conf, self.segments = conf, segments
        self.codec_pass = CodecPass(codec, objective, adversary)
        trained = [parameter for parameter in codec.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=conf.lr, betas=conf.betas, weight_decay=conf.weight_decay)
        quantizer = getattr(codec, "quantizer", None)  # which a VAE has not
        by_averages = isinstance(quantizer, ResidualQuantizer) and not conf.decoder_of
        learners = [quantizer] if by_averages else []
        phases, parts = [Phase(self.codec_pass, optimizer, learners)], {"model": codec}
        if adversary:
            settings, module = adversary.config, AdversaryPass(adversary, codec.sample_rate)
            optimizer = torch.optim.AdamW(adversary.parameters(), lr=settings.lr, betas=conf.betas)
            phases.append(Phase(module, optimizer, start=settings.start_step, name="adversary"))
            parts["adversary"] = adversary
        super().__init__(parts, phases, codec.sample_rate)

    @property
    def number(self) -> str:
        return f" {self.num_updates + 1}"

    @torch.no_grad()
    def prepare(self) -> None:
        if self.conf.decoder_of:
            return  # statistics and tables are those of the other codec
        torch.manual_seed(self.conf.seed)
        self.codec_pass.objective.prepare(self.model, self.segments())

    def begin(self) -> None:
        # The only draws are those of vectors that start again; codebooks are drawn with the segments, by
        # others.
        torch.manual_seed(RESTARTS + self.conf.seed * 1_000_003 + self.num_updates)
        if self.conf.decoder_of:
            for name in self.model.coding_parts:
                self.model.get_submodule(
                    name
                ).eval()  # in training mode tables collect what they are to learn
        if self.num_updates == self.conf.reorganize_step:
            self.model.quantizer.reorganize()
        self.codec_pass.hears = len(self.phases) > 1 and self.num_updates >= self.phases[1].start
        for group in self.phases[0].optimizer.param_groups:
            group["lr"] = learning_rate(self.conf, self.num_updates)


def learning_rate(conf: CodecTrainConf, step: int) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``final_lr_share * lr`` at ``max_steps``."""
    if step < conf.warmup_steps:
        return conf.lr * (step + 1) / conf.warmup_steps
    progress = (step - conf.warmup_steps) / max(1, conf.max_steps - conf.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * progress))
    return conf.lr * (conf.final_lr_share + (1 - conf.final_lr_share) * share)
