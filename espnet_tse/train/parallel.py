"""How weights and gradients are spread over processes; the rest of training does not know.

``wrap`` spreads a module, ``sync`` says in which backward pass gradients are exchanged, ``full_state``
collects what is spread, ``clip`` is the norm over all of it. The exchange is PyTorch's:
DistributedDataParallel, whose buckets travel during the backward pass, or FSDP2's ``fully_shard``, where each
process holds a share of weights, gradients and optimizer.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from espnet_tse.layers.transformer import TransformerBlock
from espnet_tse.train.processes import start_alike, world_size

WAYS = ("ddp", "fsdp")


def _is_a(value: object, module: str, name: str) -> bool:
    """Whether a value is of a class in a module of PyTorch, which is not loaded for this question.

    FSDP takes a second to load. Where nobody has, there is no such value.
    """
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))


def _is_spread(value: object) -> bool:
    return _is_a(value, "torch.distributed.tensor", "DTensor")


class _AllTouched(torch.autograd.Function):
    """The loss as it is, with a path to every weight that brings no gradient.

    The backward pass begins here, so DistributedDataParallel hears at once of a weight that the pass did not
    use, and of any other when its gradient is there. ``find_unused_parameters`` would search the graph
    instead.
    """

    @staticmethod
    def forward(ctx, loss: Tensor, *weights: Tensor) -> Tensor:
        ctx.num_weights = len(weights)
        return loss.view_as(loss)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        return (gradient, *[None] * ctx.num_weights)


class _Exchanged(nn.Module):
    """What DistributedDataParallel wraps: the loss of a pass; its gradients and earlier ones are exchanged.

    It hears of gradients by hooks of the weights, which wait for this call: passes without it stay with the
    process, as within ``no_sync()``.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.trained = [weight for weight in module.parameters() if weight.requires_grad]

    def forward(self, loss: Tensor | None) -> Tensor:
        """The loss, or that of an empty pass, which exchanges what passes before have left."""
        if loss is None:
            loss = self.trained[0].new_zeros((), requires_grad=True)
        return _AllTouched.apply(loss, *self.trained)


def wrap(module: nn.Module, optimizer: torch.optim.Optimizer, way: str = "ddp") -> nn.Module:
    """What ``sync`` wants of ``module``, which from now on all processes train; each has to call this.

    Args:
        optimizer: of the module's weights; with fsdp it goes over to the shares, with the state that it has.
        way: one of ``WAYS``; a single process needs neither.
    """
    if world_size() == 1:
        return module
    if way == "fsdp":
        _shard(module, optimizer)
        return module
    # Buffers stay as they are while an update is computed (``Updater`` sees to it), so none is exchanged.
    wrapped = DistributedDataParallel(
        _Exchanged(module), broadcast_buffers=False, gradient_as_bucket_view=True
    )
    # After its first exchange DistributedDataParallel lays the buckets out again, as the gradients came, and
    # with three processes the layout decides in which order they are summed. For a resumed training to sum
    # like one that was not interrupted, the first exchange is an empty one: weights come in the reverse of
    # their order. The second lays them out; with gradients there, they would be divided in another way, and
    # be rounded otherwise.
    for _ in range(2):
        sync(wrapped, None).backward()
        optimizer.zero_grad(set_to_none=True)
    return wrapped


def _shard(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Leave each process its share: transformers by block, gathered one at a time, the rest together."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    start_alike(module)
    names = {id(weight): name for name, weight in module.named_parameters()}
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (world_size(),))
    for part in (*(part for part in module.modules() if isinstance(part, TransformerBlock)), module):
        fully_shard(part, mesh=mesh, reshard_after_forward=True)
    shares = dict(module.named_parameters())
    for group in optimizer.param_groups:
        whole = group["params"]
        group["params"] = [shares[names[id(weight)]] for weight in whole]
        for weight, share in zip(whole, group["params"]):
            if weight in optimizer.state:
                state = optimizer.state.pop(weight)
                optimizer.state[share] = {name: _laid_like(share, value) for name, value in state.items()}


def sync(wrapped: nn.Module, loss: Tensor | None) -> Tensor | None:
    """The loss in whose backward pass all gradients become means over the processes; each calls this.

    A process may do so in the pass of its last piece, and another behind it: they exchange the same buckets
    in the same order. A sharded model exchanges in each pass, since otherwise every process would hold a
    whole gradient.

    Args:
        loss: of a pass; None to exchange what the passes before have left.
    Returns:
        what to call ``backward`` of; None where there is nothing to exchange.
    """
    return wrapped(loss) if isinstance(wrapped, DistributedDataParallel) else loss


def passes_alike(wrapped: nn.Module) -> bool:
    """Whether a process can compute only while all do: each pass of a sharded model gathers its weights."""
    return _is_a(wrapped, "torch.distributed.fsdp", "FSDPModule")


def clip(groups: list[list[nn.Parameter]], limit: float, norm_type: float, factor: Tensor) -> Tensor:
    """Multiply all gradients by ``factor``, then those of each group so that their norm is at most ``limit``.

    Returns:
        the largest of the groups' norms over all processes, between the two; scalar.
    """
    norms = []
    for group in groups:
        gradients = [weight.grad for weight in group if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, norm_type)
        norm = (norm.full_tensor() if _is_spread(norm) else norm).to(factor.device)
        share = factor.to(norm.dtype)
        norm = norm * share
        if gradients:
            scale = (limit / (norm + 1e-6)).clamp(max=1.0) * share
            torch._foreach_mul_([local(gradient) for gradient in gradients], scale)
        norms.append(norm)
    return torch.stack(norms).max()  # not a number where one of them is none


def full_state(state: Any) -> Any:
    """``state`` with what is spread as whole tensors; every process has to call this.

    Args:
        state: a tensor, or a state dict of a module or an optimizer.
    """
    if _is_spread(state):
        return state.full_tensor().cpu()  # the place for whole models
    if isinstance(state, dict):
        return {name: full_state(value) for name, value in state.items()}
    if isinstance(state, list):
        return [full_state(value) for value in state]
    return state


def _laid_like(share: Tensor, whole: Any) -> Any:
    """The inverse of ``full_state`` for what has a value for each of a weight, as the moments of Adam."""
    if not _is_spread(share) or not isinstance(whole, Tensor) or whole.shape != share.shape:
        return whole
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(whole, share.device_mesh, share.placements, src_data_rank=None)


def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor; changing it changes the tensor."""
    return tensor.to_local() if _is_spread(tensor) else tensor


def local_of(whole: Tensor, share: Tensor) -> Tensor:
    """What this process holds of ``whole`` where the weight ``share`` is spread."""
    return local(_laid_like(share, whole))


def whole_of(mine: Tensor, share: Tensor) -> Tensor:
    """The inverse of ``local_of``; every process has to call this."""
    if not _is_spread(share):
        return mine
    from torch.distributed.tensor import DTensor

    return full_state(
        DTensor.from_local(
            mine, share.device_mesh, share.placements, shape=share.shape, stride=share.stride()
        )
    )
