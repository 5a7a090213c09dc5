"""What the processes of one training exchange."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

BUCKET = 1 << 24  # numbers a message: 64 MB of float32 beside the gradients themselves


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over_processes(tensors: list[Tensor]) -> None:
    """In place, in few exchanges: on CPUs a message costs as much as a hundred thousand numbers in it."""
    if world_size() == 1:
        return
    bucket: list[Tensor] = []
    for index, tensor in enumerate(tensors):
        bucket.append(tensor)
        if index + 1 == len(tensors) or sum(t.numel() for t in bucket) >= BUCKET:
            flat = torch.cat([t.flatten() for t in bucket])
            dist.all_reduce(flat)
            for t, values in zip(bucket, flat.split([t.numel() for t in bucket])):
                t.copy_(values.view_as(t))
            bucket = []


def start_alike(model: nn.Module) -> None:
    """Give every process the weights of the first."""
    if world_size() > 1:
        for value in model.state_dict().values():
            dist.broadcast(value, src=0)


def gather_over_processes(items: list) -> list:
    """The items of all processes, in the order of their ranks; every process has to call this."""
    if world_size() == 1:
        return items
    parts: list[list] = [[]] * world_size()
    dist.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def wait_for_all_processes() -> None:
    """Until every process has come here."""
    if world_size() > 1:
        dist.barrier()


def leave_processes() -> None:
    """End the exchange; a process that ends without has its threads torn down at work, which is a crash."""
    if dist.is_initialized():
        dist.destroy_process_group()
