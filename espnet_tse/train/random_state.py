"""State of the random generators that a training draws from, as plain values."""

import random

import numpy as np
import torch
import torch.distributed as dist

RANK_STRIDE = 1_000_003  # keeps the seeds of ranks apart from those of epochs


def seed_epoch(seed: int, epoch: int, rank: int) -> None:
    """Seed all generators by (seed, epoch, rank): ranks must not drop the same units of other rows."""
    value = (seed + epoch + RANK_STRIDE * rank) % 2**32
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)  # of GPUs too


def random_state() -> dict:
    """States of this process: ``python``, ``numpy``, ``torch`` and, where it is in use, ``cuda``."""
    name, keys, *rest = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict) -> None:
    """Restore what ``random_state`` returned."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())


def random_states_of_all_ranks() -> list[dict]:
    """One state a rank, the same list on each; every rank has to call this."""
    if not dist.is_initialized():
        return [random_state()]
    states: list[dict] = [{}] * dist.get_world_size()
    dist.all_gather_object(states, random_state())
    return states
