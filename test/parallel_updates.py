"""Updates of a toy model in forked processes: ``python test/parallel_updates.py PLAN.json``.

The plan is a list of ``{"name": ..., "ranks": n, ...}``, see ``updates``; each rank leaves ``<name>.<rank>.pth`` beside it.
"""

import json
import math
import os
import sys
import traceback
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from espnet_tse.train.parallel import full_state
from espnet_tse.train.pieces import Memory
from espnet_tse.train.processes import leave_processes, rank, world_size
from espnet_tse.train.system_step import SystemStep
from espnet_tse.train.update import Updater

SAMPLE_RATE = 10


class Toy(nn.Module):
    """Two layers; rows of an even number go through a third, and one that is never used is there too.

    A pass without such rows does not use the third layer, unless ``always``.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, memory: int, always: bool, late: bool):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(1, 300), nn.Linear(300, 1)
        self.sometimes, self.never = nn.Linear(300, 300), nn.Linear(3, 3)
        self.memory, self.always, self.late, self.calls = memory, always, late, []

    def forward(self, speech_mix, speech_mix_lengths, utt_id):
        self.calls.append(len(utt_id))
        hidden = self.first(speech_mix[..., None]).tanh()
        even = torch.tensor([int(key[3:]) % 2 == 0 for key in utt_id])
        if self.always or even.any():
            hidden = hidden + even[:, None, None] * self.sometimes(hidden)
        values = self.second(hidden)[..., 0]
        valid = torch.arange(speech_mix.size(1)) < speech_mix_lengths[:, None]
        loss = (values - speech_mix).square()[valid].mean()
        if len(utt_id) > self.memory:
            if self.late:
                (0 * loss).backward()  # as in the backward pass
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        weight = speech_mix_lengths.sum() / SAMPLE_RATE
        return loss, {"loss": loss.detach()}, weight


def rows_of_this_process(seed: int, plan: dict):
    """Six rows dealt to the processes; of two the second has only odd ones."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 9, (6,), generator=generator)
    x = torch.randn(6, 8, generator=generator)
    if seed == plan.get("spoilt"):
        x[1, 0] = math.nan  # of the second process, where there are several
    keys = [f"utt{20 * seed + row}" for row in range(6)]
    mine = slice(rank(), None, world_size())
    return keys[mine], {"speech_mix": x[mine], "speech_mix_lengths": lengths[mine]}


def updates(plan: dict) -> dict:
    """Four updates of two batches each, then a validation."""
    model = Toy(plan.get("memory", [100] * 9)[rank()], plan.get("way") == "fsdp", plan.get("late", True))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if "held" in plan:
        held = plan["held"][rank()]
        Memory.has_held = lambda *_: held
    settings = {"max_piece_s": plan.get("max_piece_s"), "way": plan.get("way", "ddp")}
    updater = Updater(SystemStep(model, optimizer), "cpu", grad_clip=0.5, **settings)
    results = []
    for number in range(4):
        window = [rows_of_this_process(2 * number + i, plan) for i in range(2)]
        result = updater(window)
        results.append({"loss": result.stats["loss"], "norm": result.norm, "skipped": result.skipped})
    validation = updater.evaluate([rows_of_this_process(8, {}), rows_of_this_process(9, {})])
    weights = {name: value.clone() for name, value in full_state(model.state_dict()).items()}
    return {"weights": weights, "results": results, "calls": model.calls, "valid": validation[0]["loss"]}


def start(plan: dict, number: int, folder: Path) -> int:
    """Fork a rank; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if plan["ranks"] > 1:
            meeting = f"file://{folder}/{plan['name']}.meeting"
            dist.init_process_group("gloo", meeting, rank=number, world_size=plan["ranks"])
        torch.save(updates(plan), folder / f"{plan['name']}.{number}.pth")
        leave_processes()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main(path: Path) -> None:
    for plan in json.loads(path.read_text()):
        children = [start(plan, number, path.parent) for number in range(plan["ranks"])]
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        if any(statuses):
            sys.exit(f"{plan['name']}: {statuses}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
