"""Trainings in forked processes that are killed: ``python test/forked_training.py PLAN.json``.

PyTorch and ESPnet are imported once, so a start costs a fork and not seconds. The plan is a list of
``{"command": [...], "log": path, "ranks": 1, "folder": path, "kill": null | {"event": n} |
{"checkpoint": n} | {"after_s": t}}``; printed is the list of exit statuses of the first rank, negative for a
signal, and file operations counted.
"""

import json
import os
import signal
import sys
import tempfile
import time

OPERATIONS = {"open", "os.rename", "os.remove", "os.symlink"}


def kill_self_at(folder: str, kill: dict, count_file: str) -> None:
    """SIGKILL right before the operation of that number on a file below ``folder``, or before the checkpoint.

    The operations are counted anyway.
    """
    event, checkpoint = kill.get("event"), kill.get("checkpoint")
    counted = checkpoints = 0

    def hook(name: str, arguments: tuple) -> None:
        nonlocal counted, checkpoints
        if name not in OPERATIONS or not any(f"{folder}/" in str(argument) for argument in arguments[:2]):
            return
        counted += 1
        checkpoints += name == "os.rename" and str(arguments[1]) == f"{folder}/checkpoint.pth"
        if counted == event or (checkpoint and checkpoints == checkpoint):
            os.kill(os.getpid(), signal.SIGKILL)
        if event is None and checkpoint is None:
            with os.fdopen(os.open(count_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as file:
                file.write(str(counted))

    sys.addaudithook(hook)


def start(run: dict, rank: int, meeting: str) -> int:
    """Fork a rank of a training; its process id."""
    child = os.fork()
    if child:
        return child
    status, command = 1, run["command"]
    try:
        log = os.open(f"{run['log']}.{rank}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if run.get("ranks", 1) > 1:
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(run["ranks"]))
            command = [*command, f"--dist_init_method=file://{meeting}"]
        if rank == 0 and "folder" in run:
            kill_self_at(run["folder"], run.get("kill") or {}, f"{run['log']}.count")
        status = tse_train.main(command)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def carry_out(run: dict) -> int:
    """Start all ranks, kill the first after the planned time; its exit status."""
    with tempfile.TemporaryDirectory() as folder:  # a port that is free now may be taken when the ranks want it
        children = [start(run, rank, f"{folder}/meeting") for rank in range(run.get("ranks", 1))]
        after_s = (run.get("kill") or {}).get("after_s")
        if after_s is not None:
            time.sleep(after_s)
            os.kill(children[0], signal.SIGKILL)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return statuses[0] if len(set(statuses)) == 1 else next(status for status in statuses if status)


if __name__ == "__main__":
    import espnet_tse.tasks.tse  # noqa: F401  # what a start spends its time with
    from espnet_tse.bin import tse_train

    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    print(json.dumps([carry_out(run) for run in plan]))
