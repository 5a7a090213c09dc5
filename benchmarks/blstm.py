#!/usr/bin/env python3
"""Training step of one BLSTM layer on sequences of several lengths: PyTorch's packed sequences and ours, one thread.

python3 benchmarks/blstm.py [--steps 250] [--sequences 88] [--width 16] [--hidden 32]
The defaults are the recurrence over time of bsrnn_mini for 4 rows of 2 s. The faster of three passes counts.
"""

import argparse
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet_tse.layers.blstm import BLSTM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("steps", 250), ("sequences", 88), ("width", 16), ("hidden", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = BLSTM(args.width, args.hidden)
    values = torch.randn(args.steps, args.sequences, args.width, requires_grad=True)
    lengths = torch.linspace(0.6 * args.steps, args.steps, args.sequences).long()

    def packed(values, lengths):
        pack = pack_padded_sequence(values, lengths, enforce_sorted=False)
        return pad_packed_sequence(nn.LSTM.forward(layer, pack)[0], total_length=len(values))[0]

    print("| precision | sequences | forward ms | backward ms |\n|---|---|---:|---:|")
    for precision, half in (("float32", False), ("bfloat16", True)):
        for name, run in (("packed", packed), ("ours", layer)):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    output = run(values, lengths)
                between = time.perf_counter()
                output.float().square().sum().backward()
                times.append((time.perf_counter() - started, between - started))
            total, forward = min(times)
            print(f"| {precision} | {name} | {1000 * forward:.0f} | {1000 * (total - forward):.0f} |")


if __name__ == "__main__":
    main()
