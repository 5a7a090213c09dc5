#!/usr/bin/env python3
"""AR decoding on CPUs with weights in 16 or 8 bits, by PyTorch's own kernels, against float32; random weights.

python3 benchmarks/narrow_weights.py [--systems unise gentse_1] [--batch 1 8] [--seconds 4]
half: weights in float16, sums in float32 (fbgemm).
weight-only: whole numbers and a scale an output, inputs in bfloat16 (the kernel of torchao's Int8WeightOnlyConfig).
dynamic: inputs in 8 bits as well, one scale for all rows of a batch (fbgemm), so that a row's tokens depend on its batch.
None is offered by espnet_tse: the first two gain too little, the third gives up that a batch is as its rows alone.
"""

import argparse
import time
import warnings
from typing import Callable

import torch
from decoding import SYSTEMS
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.weight_layout import column_major_weights

KERNEL_ROWS = 16  # beyond so many rows a product with widened weights is faster


class WeightOnly(nn.Module):
    """Whole numbers from -127 to 127 with one scale an output."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach()
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(1e-30).bfloat16()
        self.out_features, self.bias = linear.out_features, linear.bias
        self.register_buffer("scale", scale)
        whole = (weight / scale.float()[:, None]).round().clamp(-127, 127)
        self.register_buffer("weight", whole.to(torch.int8).contiguous())

    def forward(self, values: Tensor) -> Tensor:
        rows = values.flatten(0, -2)
        if len(rows) > KERNEL_ROWS:
            return F.linear(values, self.weight.float() * self.scale.float()[:, None], self.bias)
        result = torch._weight_int8pack_mm(rows.bfloat16(), self.weight, self.scale).to(values.dtype)
        result = result.view(*values.shape[:-1], self.out_features)
        return result if self.bias is None else result + self.bias


def weight_only(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, WeightOnly(child) if isinstance(child, nn.Linear) else weight_only(child))
    return module


def fbgemm(dtype: torch.dtype) -> Callable[[nn.Module], nn.Module]:
    def change(module: nn.Module) -> nn.Module:
        torch.backends.quantized.engine = "fbgemm"
        return torch.ao.quantization.quantize_dynamic(module, {nn.Linear}, dtype=dtype)

    return change


CHANGES = {
    "float32": lambda module: module,
    "half": fbgemm(torch.float16),
    "weight-only": weight_only,
    "dynamic": fbgemm(torch.qint8),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", nargs="+", default=["unise", "gentse_1"], choices=list(SYSTEMS))
    parser.add_argument("--size", default="paper", choices=["mini", "small", "paper"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=4.0, help="of mixture; the enrollment has 5")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with torch.no_grad():
        for name in args.systems:
            for rows in args.batch:
                times = {}
                for kind, change in CHANGES.items():
                    torch.manual_seed(0)
                    system = SYSTEMS[name](args.size, rows, args.seconds)
                    column_major_weights(system.lm.eval())
                    system.lm.stack = change(system.lm.stack)
                    started = time.process_time()
                    system.generate(system.conditions, rows)
                    times[kind] = time.process_time() - started
                parts = (
                    f"{kind} {value:.2f} s ({times['float32'] / value:.2f})" for kind, value in times.items()
                )
                print(f"{name} {args.size}, batch {rows}: {', '.join(parts)}", flush=True)


if __name__ == "__main__":
    main()
