#!/usr/bin/env python3
"""USEF-TFGridNet against the published block: CPU seconds and peak memory of a forward pass and a training step.

python3 benchmarks/tfgridnet.py [--blocks 2] [--seconds 2] [--steps 2] [--only NAME ...]
Same weights and inputs, one thread, float32, batch 1, each variant in a process of its own; "published" has the
blocks of ESPnet's TFGridNetV2, of which the released USEF-TFGridNet is made, "v1" those of TFGridNet, "v3" those of
TFGridNetV3 (the same sizes, another function: its attention is normalised over channels alone); "fast" is the network
of usef_tfgridnet_s_fast.yaml, another function too. "floor" is the time that the products of the LSTMs of all but
"fast" alone take at the speed of this machine's matrix products. Memory is taken in a run of its own in which the C
library returns what is freed at once, so that the peak is that of live memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test"))

from published_grid import PublishedUSEFTFGridNet, first_block

from espnet_tse.extractor.usef_tfgridnet import USEFTFGridNet, USEFTFGridNetConfig
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.loss.waveform_ratio import negative_si_sdr
from espnet_tse.schema import TSEBatch

SAVINGS = {"recompute": {"recompute_gates": True}, "checkpoint": {"checkpoint_blocks": True}}
SAVINGS["both"] = SAVINGS["recompute"] | SAVINGS["checkpoint"]
OURS = {"ours": {}, **{f"ours_{name}": saving for name, saving in SAVINGS.items()}}
FAST = Path(__file__).resolve().parents[1] / "egs2/TEMPLATE/tse1/conf/usef_tfgridnet_s_fast.yaml"
OURS["fast"] = {"bands": read_chain(FAST).content["extractor_conf"]["bands"]}
VARIANTS = ("published", "v1", "v3", *OURS)


class OnWaveforms(nn.Module):
    """Our model behind the arguments of the published one."""

    def __init__(self, model: USEFTFGridNet):
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        lengths = [torch.full((len(signal),), signal.size(1)) for signal in (mixture, enrollment)]
        return self.model(
            TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=self.model.sample_rate)
        ).waveform


def build(name: str, config: USEFTFGridNetConfig) -> nn.Module:
    torch.manual_seed(0)
    ours = USEFTFGridNet(replace(config, **OURS.get(name, {})))
    if name in OURS:
        return OnWaveforms(ours)
    model, grid = PublishedUSEFTFGridNet(ours, config.grid), config.grid
    if name == "v1":
        model.blocks = nn.ModuleList(first_block(block, grid, ours.stft.num_bins) for block in ours.blocks)
    if name == "v3":
        from espnet2.enh.separator.tfgridnetv3_separator import GridNetV3Block

        sizes = (grid.width, grid.kernel, grid.hop, grid.hidden, grid.num_heads)
        model.blocks = nn.ModuleList(GridNetV3Block(*sizes) for _ in ours.blocks)
    return model


def measure(name: str, config: USEFTFGridNetConfig, seconds: float, steps: int) -> dict:
    """CPU seconds of the fastest of ``steps`` passes and steps, MiB of peak memory above the model's, an output."""
    torch.set_num_threads(1)
    model = build(name, config)
    generator = torch.Generator().manual_seed(1)
    signals = [torch.randn(1, round(seconds * config.sample_rate), generator=generator) for _ in range(2)]
    lengths = torch.tensor([signals[0].size(1)])
    before, forward, training = peak_mb(), [], []
    for _ in range(steps):
        started = time.process_time()
        with torch.no_grad():
            estimate = model(*signals)
        forward.append(time.process_time() - started)
    for _ in range(steps):
        started = time.process_time()
        model.zero_grad()
        negative_si_sdr(model(*signals), signals[0].roll(7, dims=1), lengths).backward()
        training.append(time.process_time() - started)
    result = {"forward_s": min(forward), "step_s": min(training), "memory_mb": peak_mb() - before}
    return {**result, "estimate": estimate[0, 1000:1100].tolist()}


def peak_mb() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def floor(config: USEFTFGridNetConfig, seconds: float) -> dict:
    """Seconds of the LSTMs' products alone; a training step takes those of the forward pass three times."""
    torch.set_num_threads(1)
    frames, width = round(seconds * config.sample_rate / config.hop_length), config.grid.width
    hidden, recurrent = torch.randn(frames, config.hidden), torch.randn(config.hidden, 4 * config.hidden)
    product = torch.empty(frames, 4 * config.hidden)
    torch.mm(hidden, recurrent, out=product)
    started = time.process_time()
    for _ in range(200):
        torch.mm(hidden, recurrent, out=product)
    rate = 200 * hidden.numel() * recurrent.size(1) / (time.process_time() - started)
    cells = frames * (config.n_fft // 2 + 1)
    products = config.num_blocks * 2 * 2 * cells * 4 * config.hidden * (width + config.hidden)
    return {"forward_s": products / rate, "step_s": 3 * products / rate, "memory_mb": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--json", action="store_true", help="one variant, in this process")
    args = parser.parse_args()
    config = USEFTFGridNetConfig(num_blocks=args.blocks)
    if args.json:
        print(json.dumps(measure(args.only[0], config, args.seconds, args.steps)))
        return
    options = [
        "--json",
        "--blocks",
        str(args.blocks),
        "--seconds",
        str(args.seconds),
        "--steps",
        str(args.steps),
    ]
    print(
        "variant           forward s    step s  memory MiB | share of published: forward, step, memory; difference"
    )
    base = None
    for name in (*args.only, "floor"):
        if name == "floor":
            row = floor(config, args.seconds)
        else:
            row = in_a_process(name, options)
            once = in_a_process(name, [*options, "--steps", "1"], MALLOC_MMAP_THRESHOLD_="262144")
            row["memory_mb"] = once["memory_mb"]
        base = row if name == "published" else base
        print(line(name, row, base), flush=True)


def in_a_process(name: str, options: list[str], **environment: str) -> dict:
    command = [sys.executable, __file__, *options, "--only", name]
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    return json.loads(ended.stdout.splitlines()[-1])


def line(name: str, row: dict, base: dict | None) -> str:
    """A row of the table."""
    text = f"{name:16s} {row['forward_s']:10.2f} {row['step_s']:9.2f} {row['memory_mb']:11.0f} |"
    if base is None:
        return text
    text += "".join(f" {row[key] / base[key]:.2f}" for key in ("forward_s", "step_s", "memory_mb"))
    if "estimate" in row:
        text += f"; {max(abs(a - b) for a, b in zip(row['estimate'], base['estimate'])):.0e}"
    return text


if __name__ == "__main__":
    main()
