"""Processes whose parent is killed: they end, also in sessions of their own and at any work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet_tse.io.parent_process import end_with_torchrun

RUN_PL = Path(__file__).resolve().parents[2] / "utils" / "run.pl"
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="asks /proc which processes live"
)
# Starts a child by each way that the package knows, tells their process numbers, and waits to be killed.
PARENT = """
import multiprocessing, os, subprocess, sys, time
from espnet_tse.io.parent_process import end_with_parent

def work():
    end_with_parent(multiprocessing.parent_process().pid)
    time.sleep(60)

if __name__ == "__main__":
    children = [multiprocessing.get_context(way).Process(target=work) for way in ("spawn", "fork")]
    for child in children:
        child.start()
    code = "import espnet_tse.io.parent_process as p, time; p.end_with_torchrun(); time.sleep(60)"
    environment = {**os.environ, "TORCHELASTIC_RUN_ID": "none"}
    ranks = [subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)]
    time.sleep(0.5)
    print(*(child.pid for child in children + ranks), flush=True)
    time.sleep(60)
"""


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(processes: list[int], seconds: float = 600.0) -> list[int]:
    until = time.monotonic() + seconds
    while (left := [process for process in processes if is_alive(process)]) and time.monotonic() < until:
        time.sleep(0.1)
    return left


@needs_proc
def test_children_end_with_a_killed_parent(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True
    )
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 3 and all(map(is_alive, children))
    parent.kill()
    parent.wait()
    left = wait_until_gone(children)
    for child in left:
        os.kill(child, signal.SIGKILL)
    assert not left


RANK = """
import os, time
from espnet_tse.io.parent_process import end_with_torchrun
end_with_torchrun()
with open(f"rank{os.environ['RANK']}.tmp", "w") as file:
    file.write(f"{os.getpid()} {os.getppid()}")
os.rename(file.name, file.name[:-4])
time.sleep(60)
"""


@needs_proc
@pytest.mark.parametrize("victim", ["torchrun", "run.pl"])
def test_ranks_end_with_a_killed_launcher(tmp_path, victim):
    """torchrun starts its ranks in sessions of their own; run.pl is what the recipes start it with."""
    (tmp_path / "rank.py").write_text(RANK)
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "rank.py",
    ]
    launcher = subprocess.Popen([str(RUN_PL), "log", *torchrun], cwd=tmp_path, stderr=subprocess.DEVNULL)
    files = [tmp_path / "rank0", tmp_path / "rank1"]
    until = time.monotonic() + 600
    while not all(file.exists() for file in files):
        assert time.monotonic() < until and launcher.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.1)
    (one, agent), (two, _) = ([int(number) for number in file.read_text().split()] for file in files)
    os.kill(agent if victim == "torchrun" else launcher.pid, signal.SIGKILL)
    assert launcher.wait() != 0
    left = wait_until_gone([one, two, agent])
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left


def test_a_program_that_torchrun_has_not_started_may_outlive_its_parent(monkeypatch):
    import threading

    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    before = threading.active_count()
    end_with_torchrun()
    assert threading.active_count() == before
