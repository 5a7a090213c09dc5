"""What causal modules remember between the chunks of a stream."""

import torch
from torch import Tensor, nn


class StreamState(dict[nn.Module, Tensor]):
    """Module -> what it keeps of the chunks so far.

    A causal module is written once: it asks for its past, which is zeros where there is no state, and a
    whole signal is a stream of one chunk.
    """


def with_past(values: Tensor, width: int, dim: int, module: nn.Module, state: StreamState | None) -> Tensor:
    """Prepend the last ``width`` steps along ``dim`` before ``values``, zeros at the beginning.

    Args:
        values: any shape; the steps that follow those of the last call.
        module: whose past it is; the same module must not ask twice a chunk.
        state: None for a whole signal.
    Returns:
        ``values`` with ``width`` more steps in front.
    """
    past = None if state is None else state.get(module)
    if past is None:
        shape = list(values.shape)
        shape[dim] = width
        past = values.new_zeros(shape)
    joined = torch.cat([past, values], dim=dim)
    if state is not None:
        state[module] = joined.narrow(dim, joined.size(dim) - width, width).clone()
    return joined
