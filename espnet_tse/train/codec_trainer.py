"""Training loop of codecs: one codec, one objective, an adversary where it is wanted.

ESPnet's GAN trainer is not used: it counts epochs over shape files, resumes by epoch, and its chunk
iterator draws other segments after a restart. Here a step is a function of (seed, step): a run that was
killed and resumed ends with the same weights as one that was not.
"""

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.adversary import Adversary
from espnet_tse.codec.objective import AbsObjective
from espnet_tse.codec.residual_quantizer import is_distributed
from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CHECKPOINT, read_checkpoint, save_checkpoint
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.curves import Curves
from espnet_tse.train.processes import sum_over_processes
from espnet_tse.train.segments import SegmentReader

# Segments are keyed by step; these two keys come before the first step's.
PREPARATION, VALIDATION, FIRST_STEP = 0, 1, 2
MAX_SKIPPED = 10  # steps in a row without a finite gradient that end the training


class CodecTrainer:
    """Trains ``codec`` in place; ``run`` returns when ``max_steps`` are done."""

    def __init__(
        self,
        conf: CodecTrainConf,
        codec: AbsCodec,
        objective: AbsObjective,
        adversary: Adversary | None,
        train: SegmentReader,
        valid: SegmentReader,
        output_dir: Path,
        device: str = "cpu",
    ):
        self.conf, self.output_dir, self.device = conf, output_dir, device
        self.codec, self.objective = codec.to(device).train(), objective.to(device)
        self.adversary = adversary.to(device) if adversary else None
        self.train, self.valid = train, valid
        self.rank = dist.get_rank() if is_distributed() else 0
        world = dist.get_world_size() if is_distributed() else 1
        self.rows = range(self.rank, conf.batch_size, world)
        if not self.rows:
            raise DataError(f"batch_size {conf.batch_size} is smaller than the number of processes, {world}.")
        self.optimizer = torch.optim.AdamW(
            codec.parameters(), lr=conf.lr, betas=conf.betas, weight_decay=conf.weight_decay
        )
        self.adversary_optimizer = (
            torch.optim.AdamW(adversary.parameters(), lr=adversary.config.lr, betas=conf.betas)
            if adversary
            else None
        )
        self.step = 0
        self.skipped_in_a_row = 0
        self.cpu_s = 0.0  # CPU seconds of this process, over all starts
        self.curves = Curves(output_dir, conf.use_tensorboard and self.rank == 0, conf.use_matplotlib)

    def run(self) -> None:
        """Train from the checkpoint, or from the start, to ``max_steps``."""
        conf = self.conf
        self.output_dir.mkdir(parents=True, exist_ok=True)
        if not self.resume():
            self.prepare()
        cpu_before, cpu_started, started = self.cpu_s, time.process_time(), time.perf_counter()
        first = self.step
        while self.step < conf.max_steps:
            stats = self.train_step()
            self.step += 1
            self.cpu_s = cpu_before + time.process_time() - cpu_started
            self.curves.add("train", self.step, stats)
            if self.step % conf.log_interval == 0 or self.step == conf.max_steps:
                remaining = (
                    (time.perf_counter() - started) / (self.step - first) * (conf.max_steps - self.step)
                )
                logging.info(
                    f"{self.step}/{conf.max_steps} steps: {self.curves.recent('train')}, "
                    f"{self.cpu_s:.0f} CPU-s, {remaining:.0f} s to go"
                )
            if self.step % conf.valid_interval == 0 or self.step == conf.max_steps:
                self.curves.add("valid", self.step, self.validate())
                logging.info(f"{self.step} steps, validation: {self.curves.recent('valid')}")
            if self.rank == 0 and (self.step % conf.checkpoint_interval == 0 or self.step == conf.max_steps):
                self.curves.draw()
                self.save()
        self.train.close()
        self.valid.close()
        self.curves.close()

    @torch.no_grad()
    def prepare(self) -> None:
        """Compute the start values that are not trained."""
        torch.manual_seed(self.conf.seed)
        segments = self.train.rows(PREPARATION, range(self.conf.prepare_segments)).to(self.device)
        self.objective.prepare(self.codec, segments)
        logging.info(f"statistics and tables start from {len(segments)} segments of {self.conf.segment_s} s")

    def train_step(self) -> dict[str, float]:
        """One update of the codec and, where there is one, of the adversary; the figures that are finite.

        Raises:
            DataError: too many steps in a row had no finite gradient.
        """
        # All draws of a step (restarts of dead codes, codebook dropout) follow from its number.
        torch.manual_seed(self.conf.seed * 1_000_003 + self.step)
        waveform = self.train(FIRST_STEP + self.step, self.rows).to(self.device)
        result = self.objective(self.codec, waveform, self.draw_codebooks(len(waveform)))
        loss, stats = result.loss, dict(result.stats)
        hears = self.adversary is not None and self.step >= self.adversary.config.start_step
        if hears:
            adversarial, feature = self.adversary.codec_losses(result.waveform, waveform)
            weights = self.adversary.config
            loss = loss + weights.adversarial_weight * adversarial + weights.feature_weight * feature
            stats |= dict(adversarial=adversarial.detach(), feature=feature.detach())
        stats["loss"] = loss.detach()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.conf, self.step)
        stats["grad_norm"] = self.update(self.codec, self.optimizer, loss)
        if hears:
            judged = self.adversary.discriminator_loss(result.waveform, waveform)
            self.update(self.adversary, self.adversary_optimizer, judged)
            stats["discriminator"] = judged.detach()
        self.count_skipped(float(stats["grad_norm"]), waveform)
        figures = {name: float(value) for name, value in stats.items()}
        return {name: value for name, value in figures.items() if math.isfinite(value)}

    def count_skipped(self, norm: float, waveform: Tensor) -> None:
        """Log the utterances of a step that ``update`` has skipped; raise ``DataError`` at the limit."""
        if math.isfinite(norm):
            self.skipped_in_a_row = 0
            return
        self.skipped_in_a_row += 1
        keys = [self.train.utterance(FIRST_STEP + self.step, row) for row in self.rows]
        self.codec.eval()  # alone, and without moving a table
        with torch.no_grad():
            losses = [float(self.objective(self.codec, row[None], None).loss) for row in waveform]
        self.codec.train()
        guilty = [key for key, loss in zip(keys, losses) if not math.isfinite(loss)]
        culprits = f"losses are finite; utterances {keys}"
        if guilty:
            culprits = f"the loss is not finite for {guilty}"
        logging.warning(f"step {self.step + 1} skipped, its gradient is not finite: {culprits}")
        if self.skipped_in_a_row >= MAX_SKIPPED:
            raise DataError(
                f"{MAX_SKIPPED} steps in a row up to {self.step + 1} had no finite gradient; at the last "
                f"{culprits}. Look at these files (espnet-tse validate), or lower lr or grad_clip."
            )

    def update(self, module: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        """One step of ``optimizer``; gradients are averaged over processes. Returns the gradient's norm.

        Where the norm is not finite the weights stay; it is the same in every process.
        """
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if is_distributed():
            gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
            for gradient in gradients:
                sum_over_processes(gradient)
            torch._foreach_div_(gradients, dist.get_world_size())
        norm = torch.nn.utils.clip_grad_norm_(module.parameters(), self.conf.grad_clip)
        if math.isfinite(float(norm)):
            optimizer.step()
        return norm

    def draw_codebooks(self, num_rows: int) -> Tensor | None:
        """(num_rows,) codebooks that each segment is decoded from."""
        num_codebooks = self.codec.spec.num_codebooks
        choices = torch.tensor(self.conf.codebook_choices or range(1, max(num_codebooks, 2)))
        drawn = choices[torch.randint(len(choices), (num_rows,))]
        dropped = torch.rand(num_rows) < self.conf.codebook_dropout
        return torch.where(dropped, drawn, num_codebooks).to(self.device)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses of fixed segments, all codebooks, nothing dropped and no table moved."""
        self.codec.eval()
        totals: dict[str, float] = {}
        starts = range(0, self.conf.valid_segments, self.conf.batch_size)
        for start in starts:
            rows = range(start, min(start + self.conf.batch_size, self.conf.valid_segments))
            result = self.objective(self.codec, self.valid.rows(VALIDATION, rows).to(self.device), None)
            for name, value in {"loss": result.loss, **result.stats}.items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(rows) / self.conf.valid_segments
        self.codec.train()
        return totals

    def save(self) -> None:
        """Everything that the next step depends on."""
        states = {
            "step": self.step,
            "cpu_s": self.cpu_s,
            "conf": asdict(self.conf),
            "codec": self.codec.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curves": self.curves.values,
        }
        if self.adversary:
            states["adversary"] = self.adversary.state_dict()
            states["adversary_optimizer"] = self.adversary_optimizer.state_dict()
        save_checkpoint(self.output_dir, states)

    def resume(self) -> bool:
        """Go on from the last whole checkpoint, if there is one.

        Raises:
            CheckpointError: there are checkpoints and none can be read.
            DataError: it is of something else, or of a training with other options.
        """
        states, checkpoint = read_checkpoint(self.output_dir), self.output_dir / CHECKPOINT
        if states is None:
            return False
        if not isinstance(states, dict) or not {"step", "conf", "codec", "optimizer", "curves"} <= states.keys():
            raise DataError(
                f"{checkpoint}: is no checkpoint of a codec training; remove it to train from the start."
            )
        changed = sorted(
            name for name, value in asdict(self.conf).items() if states["conf"].get(name) != value
        )
        # How often to write or read does not change the result.
        harmless = {"log_interval", "valid_interval", "checkpoint_interval", "num_workers", "licence"}
        changed = [name for name in changed if name not in harmless and not name.startswith("use_")]
        if changed:
            raise DataError(
                f"{checkpoint}: belongs to a training with other {', '.join(changed)}; "
                "give the same options, or another --output_dir."
            )
        self.codec.load_state_dict(states["codec"])
        self.optimizer.load_state_dict(states["optimizer"])
        if self.adversary:
            self.adversary.load_state_dict(states["adversary"])
            self.adversary_optimizer.load_state_dict(states["adversary_optimizer"])
        self.step, self.cpu_s = states["step"], states["cpu_s"]
        self.curves.values = states["curves"]
        logging.info(f"{checkpoint}: going on after step {self.step}")
        return True


def learning_rate(conf: CodecTrainConf, step: int) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``final_lr_share * lr`` at ``max_steps``."""
    if step < conf.warmup_steps:
        return conf.lr * (step + 1) / conf.warmup_steps
    progress = (step - conf.warmup_steps) / max(1, conf.max_steps - conf.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * progress))
    return conf.lr * (conf.final_lr_share + (1 - conf.final_lr_share) * share)
