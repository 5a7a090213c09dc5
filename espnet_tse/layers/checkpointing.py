"""Activation checkpointing: a part is computed again in the backward pass instead of being kept."""

from typing import Any, Callable

import torch
from torch.utils.checkpoint import checkpoint


def recomputed(wanted: bool, part: Callable[..., Any], *arguments: Any) -> Any:
    """``part(*arguments)``; where ``wanted``, only the arguments are kept for the backward pass."""
    if wanted and torch.is_grad_enabled():
        return checkpoint(part, *arguments, use_reentrant=False)
    return part(*arguments)
