#!/usr/bin/env python3
"""CPU seconds of a training step of LauraTSE: random audio, random codec weights, one thread.

python3 benchmarks/training.py [--size mini paper] [--rows 8] [--seconds 4] [--steps 3]
Forward pass, backward pass and optimizer; data loading is not part of it (the training log has its share: iter_time of
train_time).
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import torch

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.load import codec_choices
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.tasks import build

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"


def read(name: str) -> dict:
    return read_chain(CONF / name).content


def build_system(size: str) -> tuple[AbsTSEModel, dict]:
    """The system of a YAML on the codec of the YAML beside it."""
    config, codec_config = read(f"laura_tse_{size}.yaml"), read(f"codec_{size}.yaml")
    codec: AbsCodec = codec_choices.build(codec_config["codec"], codec_config["codec_conf"])
    parts = {f"{part}_conf": {} for part in ("frontend", "encoder", "lm", "vocoder", "model")}
    with patch.object(build, "open_tokenizers", lambda model, places: {"acoustic": codec}):
        model = build.build_model({**parts, **config})
    return model.train(), config


def random_batch(codec: AbsCodec, rows: int, seconds: float, enrollment_s: float) -> dict:
    samples = torch.full((rows,), int(16000 * seconds))
    target = 0.1 * torch.randn(rows, int(samples[0]))
    enrollment = 0.1 * torch.randn(rows, int(16000 * enrollment_s))
    frames = codec.spec.num_frames(int(samples[0]))
    codes = torch.randint(codec.spec.codebook_size, (rows, codec.spec.num_codebooks, frames))
    return {
        "speech_mix": target + 0.1 * torch.randn_like(target),
        "speech_mix_lengths": samples,
        "enroll_ref1": enrollment,
        "enroll_ref1_lengths": torch.full((rows,), enrollment.size(1)),
        "speech_ref1": target,
        "speech_ref1_lengths": samples,
        "target_acoustic": codes,
        "target_acoustic_lengths": torch.full((rows,), frames),
        "target_acoustic_rate": torch.tensor([codec.frame_rate], dtype=torch.float64),
    }


def measure(model: AbsTSEModel, batch: dict, steps: int, bf16: bool) -> float:
    """CPU seconds a step, the first one left out."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    for step in range(steps + 1):
        if step == 1:
            started = time.process_time()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = model(**batch)[0]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return (time.process_time() - started) / steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs="+", default=["mini", "paper"], choices=["mini", "small", "paper"])
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of mixture")
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print(f"{args.rows} rows of {args.seconds} s a step, one thread")
    for size in args.size:
        model, config = build_system(size)
        batch = random_batch(model.codec, args.rows, args.seconds, config["enrollment_s"])
        for precision, bf16 in (("fp32", False), ("bf16", True)):
            step_s = measure(model, batch, args.steps, bf16)
            frames = int(batch["target_acoustic_lengths"].sum())
            print(
                f"laura_tse_{size}, {precision}: {step_s:.2f} CPU-s a step, {frames / step_s:.0f} code frames/s, "
                f"{args.rows * args.seconds / step_s:.1f} s of audio a CPU second"
            )


if __name__ == "__main__":
    main()
