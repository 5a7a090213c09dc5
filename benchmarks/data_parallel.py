#!/usr/bin/env python3
"""What two processes cost a training: this package's engine beside a plain DistributedDataParallel loop.

python3 benchmarks/data_parallel.py [--size paper mini] [--rounds 11] [--rows 1] [--seconds 1]
Three loops train copies of one model on the same random batches, a step of each in turn, so that what else uses the
machine touches all alike: ours; DistributedDataParallel and nothing around it; and the earlier hand-written exchange,
which summed the gradients after the backward pass. Ratios are medians over the rounds. Peak memory is that of processes
with one loop each. Where there is a GPU, the bfloat16 training of the paper's LauraTSE is measured too.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Callable

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from training import build_system, random_batch

from espnet_tse.train.system_step import SystemStep
from espnet_tse.train.update import Updater

LOOPS = ("ours", "plain", "before")
WARM_UP = 2  # steps: buckets are laid out again, Adam makes its moments
BUCKET = 1 << 24  # numbers a message of the exchange by hand
# Dense bfloat16 operations a second as their makers state them.
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}

Step = Callable[[], None]


def our_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict) -> Step:
    updater = Updater(SystemStep(model, optimizer), "cpu")
    keys = [f"utt{row}" for row in range(len(batch["speech_mix"]))]
    return lambda: updater([(keys, batch)])


def plain_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict) -> Step:
    # The frozen codec's buffers would travel in each pass.
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)

    def step() -> None:
        wrapped(**batch)[0].sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def step_of_before(model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict) -> Step:
    """The weighted mean over processes as it was computed before: exchanged behind the backward pass."""

    def step() -> None:
        loss, _, weight = model(**batch)
        (loss * weight).sum().backward()
        total = weight.double().sum()
        dist.all_reduce(total)
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        sum_by_hand(gradients)
        torch._foreach_div_(gradients, float(total))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def sum_by_hand(tensors: list[torch.Tensor]) -> None:
    bucket: list[torch.Tensor] = []
    for index, tensor in enumerate(tensors):
        bucket.append(tensor)
        if index + 1 == len(tensors) or sum(t.numel() for t in bucket) >= BUCKET:
            flat = torch.cat([t.flatten() for t in bucket])
            dist.all_reduce(flat)
            for t, values in zip(bucket, flat.split([t.numel() for t in bucket])):
                t.copy_(values.view_as(t))
            bucket = []


NEW_STEP = {"ours": our_step, "plain": plain_step, "before": step_of_before}


def sent_bytes() -> int:
    """What this process has written to files and sockets: gloo writes to sockets."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def work(rank: int, args: argparse.Namespace, size: str, loops: list[str], result: str) -> None:
    """One of two processes: times and bytes of each loop's steps, and the peak memory, into ``result``."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{result}.meeting", rank=rank, world_size=2)
    steps = {}
    for name in loops:
        torch.manual_seed(0)
        model, _ = build_system(size)
        torch.manual_seed(1 + rank)
        batch = random_batch(model.codec, args.rows, args.seconds, args.enrollment_s)
        optimizer = torch.optim.Adam(
            [weight for weight in model.parameters() if weight.requires_grad], lr=1e-4
        )
        steps[name] = NEW_STEP[name](model, optimizer, batch)
    figures: dict = {name: {"times": [], "bytes": []} for name in loops}
    for number in range(WARM_UP + args.rounds):
        turn = number % len(loops)
        for name in loops[turn:] + loops[:turn]:
            dist.barrier()
            begun, sent = time.perf_counter(), sent_bytes()
            steps[name]()
            dist.barrier()
            if number >= WARM_UP:
                figures[name]["times"].append(time.perf_counter() - begun)
                figures[name]["bytes"].append(sent_bytes() - sent)
    if rank == 0:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        torch.save({"figures": figures, "peak": peak}, result)
    dist.destroy_process_group()


def run(args: argparse.Namespace, size: str, loops: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        result = f"{folder}/result.pth"
        multiprocessing.spawn(work, (args, size, loops, result), nprocs=2)
        return torch.load(result, weights_only=True)


def compare(args: argparse.Namespace, size: str) -> None:
    """Rows of the table for a model of ``size``."""
    figures = run(args, size, list(LOOPS))["figures"]
    short = argparse.Namespace(**{**vars(args), "rounds": 2})
    peaks = {name: run(short, size, [name])["peak"] for name in LOOPS}
    plain = figures["plain"]["times"]
    for name in LOOPS:
        times, sent = figures[name]["times"], statistics.median(figures[name]["bytes"])
        ratio = statistics.median(mine / theirs for mine, theirs in zip(times, plain))
        print(
            f"| {size} | {name} | {statistics.median(times):.3f} | {ratio:.3f} | {sent / 1e6:.1f} "
            f"| {peaks[name]:.0f} | {peaks[name] / peaks['plain']:.3f} |",
            flush=True,
        )


def measure_gpu(args: argparse.Namespace) -> None:
    """Code frames a second and use of the GPU of the paper's LauraTSE, in pieces of ``--gpu_piece_s`` seconds."""
    from torch.utils.flop_counter import FlopCounterMode

    name = torch.cuda.get_device_name()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model, config = build_system("paper")
    model = model.cuda()
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=1e-4)
    updater = Updater(SystemStep(model, optimizer), "cuda", torch.bfloat16)
    rows = max(1, round(args.gpu_piece_s / (6.0 + config["enrollment_s"])))
    batch = (
        [f"utt{row}" for row in range(rows)],
        random_batch(model.codec, rows, 6.0, config["enrollment_s"]),
    )
    counter = FlopCounterMode(display=False)
    with counter:
        updater([batch])
    for _ in range(WARM_UP):
        updater([batch])
    begun = time.perf_counter()
    for _ in range(args.rounds):
        result = updater([batch])  # returns once its figures are on the host
    step_s = (time.perf_counter() - begun) / args.rounds
    rate = counter.get_total_flops() / step_s
    peak = next((value for key, value in PEAK.items() if key in name), None)
    share = f"{100 * rate / peak:.1f} % MFU" if peak else "MFU unknown for this GPU"
    print(
        f"{name}, bf16, paper, {rows} rows of 6 s: {step_s:.3f} s a step, {result.num_frames / step_s:.0f} code frames/s, "
        f"{result.num_frames * model.lm.num_streams / step_s:.0f} tokens/s, {rate / 1e12:.1f} TFLOP/s, {share}, "
        f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs="+", default=["paper", "mini"], choices=["mini", "small", "paper"])
    parser.add_argument("--rounds", type=int, default=11, help="steps of each loop behind the warm-up")
    parser.add_argument("--rows", type=int, default=1, help="of a process")
    parser.add_argument("--seconds", type=float, default=1.0, help="of mixture")
    parser.add_argument("--enrollment_s", type=float, default=0.5)
    parser.add_argument(
        "--gpu_piece_s", type=float, default=80.0, help="mixture and enrollment of a step, on a GPU"
    )
    args = parser.parse_args()
    print(f"two gloo processes, {args.rows} rows of {args.seconds} s each, fp32, {args.rounds} rounds")
    print(
        "| size | loop | s a step | to plain | MB sent | peak MB | to plain |\n|---|---|---:|---:|---:|---:|---:|"
    )
    for size in args.size:
        compare(args, size)
    if torch.cuda.is_available():
        measure_gpu(args)


if __name__ == "__main__":
    main()
