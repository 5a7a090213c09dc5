"""Plain numbers and values that the processes of one training tell each other."""

import contextlib
import ctypes
import functools
from typing import Callable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def sum_over_processes(total: Tensor) -> Callable[[], object]:
    """In place, and beside what follows: the sums are there once what is returned has been called."""
    if world_size() == 1:
        return lambda: None
    return dist.all_reduce(total, async_op=True).wait


def largest(number: int) -> int:
    """The largest of the numbers of all processes; every process has to call this."""
    if world_size() == 1:
        return number
    value = torch.tensor(number)
    dist.all_reduce(value, op=dist.ReduceOp.MAX, group=_host_group(dist.group.WORLD))
    return int(value)


@functools.lru_cache(maxsize=1)
def _host_group(world: dist.ProcessGroup) -> dist.ProcessGroup:
    """For decisions: beside NCCL a group of gloo, so that none of them waits for a GPU."""
    return world if dist.get_backend(world) == "gloo" else dist.new_group(backend="gloo")


def start_alike(model: nn.Module) -> None:
    """Give every process the weights and buffers of the first."""
    if world_size() > 1:
        for value in (*model.parameters(), *model.buffers()):
            dist.broadcast(value.detach(), src=0)


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


@contextlib.contextmanager
def leaving_processes() -> Iterator[None]:
    """Leave the other processes at the end of the block.

    After an error the exchange is not ended but abandoned: buckets may be under way to a process that is
    gone, and the end of a group waits for them (gloo: half an hour). ``torchrun`` ends the processes that are
    left.
    """
    try:
        yield
    except BaseException:
        if dist.is_initialized():
            # A reference that nobody gives back: not even the end of the program is to wait for the group.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(dist.group.WORLD))
        raise
    leave_processes()


def leave_processes() -> None:
    """End the exchange; a process that ends without has its threads torn down at work, which is a crash."""
    if dist.is_initialized():
        _host_group.cache_clear()
        dist.destroy_process_group()
