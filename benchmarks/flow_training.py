#!/usr/bin/env python3
"""A training step of what diffusion and flow systems are made of: seconds and peak memory, with and without recomputing.

python3 benchmarks/flow_training.py vae|extractor|corrector|flow [--size paper] [--rows 1] [--seconds 2] [--recompute]
Forward pass, backward pass and AdamW of random signals (of the extractor: latents), one thread, fp32; the second of two
steps is timed. A process measures one part, for its peak memory is that of the whole process.
"""

import argparse
import resource
import time
from pathlib import Path
from typing import Callable

import torch
from torch import Tensor, nn

from espnet_tse.codec.load import codec_choices
from espnet_tse.codec.vae_objective import VAEObjective, VAEObjectiveConfig
from espnet_tse.encoder.latents import LatentSequence, LatentSequenceConfig
from espnet_tse.flow.latent_diffusion import LatentDiffusion, LatentDiffusionConfig
from espnet_tse.flow.mel_flow import MelFlow, MelFlowConfig
from espnet_tse.flow.spectral_corrector import SpectralCorrector, SpectralCorrectorConfig
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema import Conditions, Frames, Streams, Vectors

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
Part = tuple[nn.Module, Callable[[], Tensor]]  # what is trained, and its loss


def read(name: str) -> dict:
    return read_chain(CONF / name).content


def random_frames(rows: int, seconds: float, frame_rate: float, width: int) -> Frames:
    number = round(seconds * frame_rate)
    return Frames(torch.randn(rows, number, width), torch.full((rows,), number), frame_rate)


def vae_of(size: str, **conf) -> nn.Module:
    config = read(f"codec_vae_{size}.yaml")
    return codec_choices.build(config["codec"], {**config["codec_conf"], **conf})


def vae(size: str, rows: int, seconds: float, recompute: bool) -> Part:
    codec = vae_of(size, checkpoint_blocks=recompute)
    objective = VAEObjective(VAEObjectiveConfig(), codec.sample_rate)
    waveform = torch.randn(rows, round(seconds * codec.sample_rate))
    return codec, lambda: objective(codec, waveform, None).loss


def extractor(size: str, rows: int, seconds: float, recompute: bool) -> Part:
    config, codec = read(f"solospeech_{size}.yaml"), vae_of(size)
    encoder = LatentSequence(LatentSequenceConfig(**config["encoder_conf"]), codec)
    lm_conf = LatentDiffusionConfig(**{**config["lm_conf"], "checkpoint_blocks": recompute})
    lm = LatentDiffusion(lm_conf, encoder.latent_dim, encoder.context_dim)
    sizes = (rows, seconds, codec.frame_rate, encoder.latent_dim)
    mixture, enrollment, target = (random_frames(*sizes) for _ in range(3))

    def loss() -> Tensor:
        seen = encoder.transformer(encoder.projection(enrollment.values), ~enrollment.padding_mask)
        described = Frames(seen, enrollment.lengths, enrollment.frame_rate)
        return lm.loss(Conditions(Streams(mixture=mixture, enrollment=described)), target)

    return nn.ModuleList([encoder.projection, encoder.transformer, lm]), loss


def corrector(size: str, rows: int, seconds: float, recompute: bool) -> Part:
    conf = {**read(f"corrector_{size}.yaml")["corrector_conf"], "checkpoint_blocks": recompute}
    part = SpectralCorrector(SpectralCorrectorConfig(**conf))
    mixture, estimate, target = torch.randn(3, rows, round(seconds * part.config.sample_rate))
    return part, lambda: (part.corrected(mixture, estimate, torch.randn) - target).square().mean()


def flow(size: str, rows: int, seconds: float, recompute: bool) -> Part:
    if recompute:
        raise SystemExit("the flow of Mask2Flow-TSE recomputes nothing; leave out --recompute")
    lm = MelFlow(MelFlowConfig(**read(f"mask2flow_{size}.yaml").get("lm_conf", {})), 80, 512)
    frames, target = (random_frames(rows, seconds, 100.0, 80) for _ in range(2))
    conditions = Conditions(Streams(mixture=frames, masked=frames), Vectors(speaker=torch.randn(rows, 512)))
    return lm, lambda: lm.loss(conditions, target)


PARTS = {part.__name__: part for part in (vae, extractor, corrector, flow)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--size", default="paper", choices=["nano", "mini", "small", "paper"])
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--recompute", action="store_true", help="keep only the blocks' inputs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module, loss = PARTS[args.part](args.size, args.rows, args.seconds, args.recompute)
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    for _ in range(2):
        started = time.process_time()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        taken = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count = sum(weight.numel() for weight in weights)
    how = "recomputed" if args.recompute else "kept"
    print(
        f"{args.part} {args.size}, {count:,} parameters, {args.rows} x {args.seconds:g} s, blocks {how}: "
        f"{taken:.2f} CPU-s a step, peak {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
