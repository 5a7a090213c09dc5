"""Linear layers whose weights are held in 8 bits, for decoding on CPUs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# PyTorch's kernel reads 8-bit weights once a row: beyond so many rows a product with widened weights is faster.
KERNEL_ROWS = 16


class Int8Linear(nn.Module):
    """Weights as whole numbers from -127 to 127 with one scale an output; inputs keep their precision.

    A step of decoding is bound by reading weights, and these are a quarter as large. Of few rows PyTorch's weight-only
    kernel computes, on inputs in bfloat16, as torchao's ``Int8WeightOnlyConfig`` does. Every row is computed by itself:
    a batch gives what its rows give alone.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny).bfloat16()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.register_buffer("scale", scale)  # (out,) bfloat16
        whole = (weight / scale.float()[:, None]).round().clamp(-127, 127)
        self.register_buffer("weight", whole.to(torch.int8).contiguous())  # (out, in)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone(), False)

    def forward(self, values: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        rows = values.flatten(0, -2)
        if len(rows) > KERNEL_ROWS:
            weight = self.weight.to(values.dtype) * self.scale.to(values.dtype)[:, None]
            return F.linear(values, weight, self.bias)
        result = torch._weight_int8pack_mm(rows.bfloat16(), self.weight, self.scale).to(values.dtype)
        result = result.view(*values.shape[:-1], self.out_features)
        return result if self.bias is None else result + self.bias


def with_int8_weights(module: nn.Module) -> nn.Module:
    """Every ``nn.Linear`` below ``module`` replaced, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Int8Linear(child))
        else:
            with_int8_weights(child)
    return module
