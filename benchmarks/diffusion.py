#!/usr/bin/env python3
"""SoloSpeech's extractor: candidates in one batch with conditions computed once, against one after the other without.

python3 benchmarks/diffusion.py [--size paper] [--seconds 10] [--enrollment 10] [--candidates 8] [--steps 2]
The sequential way computes everything anew for each candidate and step, as the first release of the system does; both
give the same latents. Steps cost the same, so that few of them tell the ratio; what is computed once is reported apart
and counted once for 50 steps. Random weights, one thread (--device cuda: one GPU), fp32. Latents are drawn: the VAE is
no part of what is compared, and its decoder is timed by itself.
"""

import argparse
import resource
import time
from pathlib import Path

import torch

from espnet_tse.codec.load import codec_choices
from espnet_tse.encoder.latents import LatentSequence, LatentSequenceConfig
from espnet_tse.flow.latent_diffusion import LatentDiffusion, LatentDiffusionConfig, LatentDiffusionDecode
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema import Conditions, Frames, Request, Streams

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
STEPS = 50  # that totals are given for


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="paper", choices=["nano", "mini", "small", "paper"])
    parser.add_argument("--seconds", type=float, default=10.0, help="of mixture")
    parser.add_argument("--enrollment", type=float, default=10.0, help="seconds of it")
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2, help="that are timed, 2 or more")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = read_chain(CONF / f"solospeech_{args.size}.yaml").content
    vae_config = read_chain(CONF / config["tokenizers"]["latent"]).content
    vae = codec_choices.build(vae_config["codec"], vae_config["codec_conf"]).to(args.device).eval()
    encoder = LatentSequence(LatentSequenceConfig(**config["encoder_conf"]), vae).to(args.device).eval()
    lm_conf = LatentDiffusionConfig(**config["lm_conf"])
    lm = LatentDiffusion(lm_conf, encoder.latent_dim, encoder.context_dim).to(args.device).eval()
    for weight in lm.parameters():
        if not weight.any():  # what begins at zero would hide that conditions differ
            torch.nn.init.normal_(weight, std=0.02)
    rate = vae.frame_rate
    mixture, enrollment = (
        torch.randn(1, round(seconds * rate), encoder.latent_dim, device=args.device)
        for seconds in (args.seconds, args.enrollment)
    )
    keys = [f"a#{number}" for number in range(args.candidates)]

    def frames(values: torch.Tensor) -> Frames:
        return Frames(values, torch.full((len(values),), values.size(1), device=values.device), rate)

    def conditions() -> Conditions:
        latents = frames(enrollment)
        values = encoder.transformer(encoder.projection(latents.values), ~latents.padding_mask)
        return Conditions(Streams(mixture=frames(mixture), enrollment=frames(values)))

    def request(keys: list[str], steps: int) -> Request:
        lengths = torch.full((len(keys),), round(args.seconds * 16000))
        return Request(lengths, keys, LatentDiffusionDecode(steps=steps))

    def in_one_batch(steps: int) -> torch.Tensor:
        shared = conditions().rows(torch.zeros(args.candidates, dtype=torch.int64))
        return lm.generate(shared, request(keys, steps)).streams["latent"].values

    def one_after_the_other() -> torch.Tensor:
        rows, network = [], lm.network

        def anew(_: Conditions):
            return lambda state, steps: network(conditions())(state, steps)

        lm.network = anew
        try:
            for key in keys:
                rows.append(lm.generate(conditions(), request([key], args.steps)).streams["latent"].values)
        finally:
            del lm.network
        return torch.cat(rows)

    with torch.no_grad():
        lm.generate(
            conditions(), Request(torch.tensor([16000]), ["a"], LatentDiffusionDecode(steps=1))
        )  # warm
        one_step, _ = timed(lambda: in_one_batch(1), args.device)
        batched, first = timed(lambda: in_one_batch(args.steps), args.device)
        peak = peak_gib(args.device)
        sequential, second = timed(one_after_the_other, args.device)
        decoding, _ = timed(lambda: vae.decode(Streams(latent=frames(mixture))), args.device)
    difference = float((first - second).abs().max())
    steps = (batched - one_step) / (args.steps - 1)
    once = one_step - steps  # conditions, and what the network makes of them
    totals = once + STEPS * steps, STEPS * sequential / args.steps
    print(
        f"{args.size}, {args.seconds:g} s of mixture, {args.enrollment:g} s of enrollment, {args.candidates} candidates"
    )
    print(f"  conditions, once: {once:.2f} s; a step of all candidates: {steps:.2f} s in one batch")
    print(
        f"  {args.steps} steps one after the other: {sequential:.2f} s; latents differ by at most {difference:.1e}"
    )
    print(f"  {STEPS} steps: {totals[0]:.1f} s against {totals[1]:.1f} s, {totals[1] / totals[0]:.2f} times")
    print(f"  peak memory of the batch: {peak:.2f} GiB; VAE's decoder: {decoding:.2f} s a candidate")


def timed(function, device: str) -> tuple[float, object]:
    """CPU-seconds, on a GPU seconds, and the result."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    if device != "cpu":
        torch.cuda.synchronize()
    started = clock()
    result = function()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - started, result


def peak_gib(device: str) -> float:
    """Peak memory so far."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return torch.cuda.max_memory_allocated() / 2**30


if __name__ == "__main__":
    main()
