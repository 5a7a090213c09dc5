#!/usr/bin/env python3
"""A training step of GenTSE's second stage: cross entropy, Frozen-LM Conditioning, and DPO with a cached reference.

python3 benchmarks/gentse_steps.py [--size mini paper] [--rows 4] [--seconds 2] [--rounds 5]
Language model and optimizer alone, random conditions and codes, one thread; the three kinds take turns, and the ratios
are of medians of CPU seconds.
"""

import argparse
import copy
import statistics
import time
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.loss.preference import log_probability, preference_loss
from espnet_tse.models.gentse import token_loss
from espnet_tse.schema import Codes, Conditions, Frames, Streams
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.tasks.choices import lm_choices

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
SIZES = {  # hops of units and codes, their numbers
    "mini": (320, 64, 320, 512),
    "paper": (320, 1024, 160, 8192),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs="+", default=["mini", "paper"], choices=list(SIZES))
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0, help="of mixture and of enrollment")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for size in args.size:
        measure(size, args)


def measure(size: str, args: argparse.Namespace) -> None:
    torch.manual_seed(0)
    unit_hop, num_units, code_hop, num_codes = SIZES[size]
    specs = {
        "semantic": CodesSpec(1, num_units, hop_length=unit_hop),
        "acoustic": CodesSpec(1, num_codes, hop_length=code_hop),
    }
    conf = read_chain(CONF / f"gentse_{size}.yaml").content["acoustic_lm_conf"]
    lm = lm_choices.build("stream_lm", conf, specs=specs, sample_rate=16000).train()
    frozen = copy.deepcopy(lm).eval().requires_grad_(False)
    units, codes, other = (
        random_codes(args, *sizes)
        for sizes in ((unit_hop, num_units), (code_hop, num_codes), (code_hop, num_codes))
    )
    frames = torch.randn(args.rows, codes.values.size(2), lm.width)
    frames = Frames(frames, codes.lengths, codes.frame_rate)
    given = Conditions(Streams(enrollment=frames, mixture=frames)), Streams(semantic=units)
    optimizer = torch.optim.AdamW(lm.parameters(), lr=1e-5)

    def cross_entropy() -> Tensor:
        return token_loss(lm, *given, codes, None)[0]

    def frozen_lm_conditioning() -> Tensor:
        return token_loss(lm, *given, codes, frozen.likeliest(*given, codes))[0]

    def dpo() -> Tensor:
        logits, padding = lm.logits(*given, codes), codes.padding_mask
        labels = lm.vocabulary.tokens("acoustic", codes.values[:, 0])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        pair = (
            log_probability(logits, lm.vocabulary.tokens("acoustic", c.values[:, 0]), padding)
            for c in (codes, other)
        )
        reference = torch.zeros(2, args.rows)
        return loss + preference_loss(*pair, *reference, beta=0.1)[0]

    kinds = {"cross entropy": cross_entropy, "FLC": frozen_lm_conditioning, "DPO": dpo}
    times = {name: [] for name in kinds}
    for _ in range(args.rounds + 1):
        for name, loss_of in kinds.items():
            times[name].append(seconds(partial(update, optimizer, loss_of)))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    base = medians["cross entropy"]
    parts = ", ".join(f"{name} {value:.2f} s ({value / base:.2f})" for name, value in medians.items())
    print(f"gentse_{size}, stage 2, {args.rows} rows of {args.seconds} s: {parts}", flush=True)


def random_codes(args: argparse.Namespace, hop: int, number: int) -> Codes:
    length = int(16000 * args.seconds) // hop
    values = torch.randint(number, (args.rows, 1, length))
    return Codes(values, torch.full((args.rows,), length), 16000 / hop)


def update(optimizer: torch.optim.Optimizer, loss_of) -> None:
    optimizer.zero_grad()
    loss_of().backward()
    optimizer.step()


def seconds(work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
