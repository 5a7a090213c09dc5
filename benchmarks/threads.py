#!/usr/bin/env python3
"""Wall seconds of a training step of LauraTSE mini: one thread, two threads, two processes, and beside another job.

python3 benchmarks/threads.py [--rows 8] [--seconds 4] [--steps 10]
Two processes take half of the rows each, as data-parallel training does (gradients are not exchanged here). The other
job is a process that computes all the time. Wants two processors with nothing else running.
"""

import argparse
import os
import subprocess
import sys
import time

OTHER_JOB = "import torch; torch.set_num_threads(1); a = torch.randn(500, 500)\nwhile True: a @ a"


def step_seconds(rows: int, seconds: float, steps: int) -> float:
    """Wall seconds a step in this process."""
    import torch
    from training import build_system, random_batch

    torch.manual_seed(0)
    model, config = build_system("mini")
    batch = random_batch(model.codec, rows, seconds, config["enrollment_s"])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    for step in range(steps + 2):
        if step == 2:
            started = time.perf_counter()
        optimizer.zero_grad()
        model(**batch)[0].backward()
        optimizer.step()
    return (time.perf_counter() - started) / steps


def measure(processes: int, threads: int, args: argparse.Namespace) -> float:
    """The slowest of ``processes`` that share the rows."""
    command = [sys.executable, __file__, "--rows", str(args.rows // processes), "--seconds", str(args.seconds)]
    command += ["--steps", str(args.steps), "--one"]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return max(float(process.communicate()[0]) for process in running)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of mixture")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(step_seconds(args.rows, args.seconds, args.steps))
        return
    cases = {"one thread": (1, 1), "two threads": (1, 2), "two processes": (2, 1)}
    for name, (processes, threads) in cases.items():
        step_s = measure(processes, threads, args)
        if name == "one thread":
            alone = step_s
        print(f"{name}: {step_s:.3f} s a step of {args.rows} rows, {alone / step_s:.2f} times as fast as one thread")
    for threads in (1, 2):
        other = subprocess.Popen([sys.executable, "-c", OTHER_JOB])
        try:
            step_s = measure(1, threads, args)
        finally:
            other.kill()
            other.wait()
        print(f"{threads} thread(s) beside another job: {step_s:.3f} s a step, {alone / step_s:.2f} times as fast as alone")


if __name__ == "__main__":
    main()
