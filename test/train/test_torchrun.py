"""Which process of several is told to have failed first, by real ones and by what they leave; Ctrl-Z."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from espnet_tse.io.rank_error import ERROR_FILE, read_error, record_error
from espnet_tse.train.torchrun import failures_of, tell

GLOO = (
    "RuntimeError: [/third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:1"
)
RANK = """
import os, signal, sys
from espnet_tse.io.command_line import run_command
from espnet_tse.io.scp import DataError

def work():
    import torch
    import torch.distributed as dist
    from espnet_tse.train.processes import leaving_processes
    dist.init_process_group("gloo")
    with leaving_processes():
        dist.all_reduce(torch.ones(1))
        if dist.get_rank() == 1:
            if sys.argv[1] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise DataError("key 'a' is cut short.") if sys.argv[1] == "data" else KeyError("a bug")
        dist.all_reduce(torch.ones(1))

sys.exit(run_command("toy", work))
"""


def torchrun(*words: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "espnet_tse.train.torchrun",
        "--standalone",
        "--nproc_per_node",
        "2",
        *words,
    ]


@pytest.mark.parametrize(
    "fault, code, message",
    [
        ("data", 1, "rank 1 failed first: key 'a' is cut short."),
        ("bug", 1, "rank 1 failed first: KeyError: 'a bug'"),
        (
            "killed",
            137,
            "rank 1 was killed (signal 9): usually the machine ran out of memory; use fewer processes",
        ),
    ],
)
def test_the_last_line_names_the_rank_that_failed_first(tmp_path, fault, code, message):
    (tmp_path / "rank.py").write_text(RANK)
    ended = subprocess.run(
        torchrun("rank.py", fault), cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(f"torchrun: error: {message}")


def left(tmp_path: Path, monkeypatch, failures: dict[int, tuple[int, str | None]], *more: tuple[int, str]):
    """Exit codes and messages of ranks, left in this order; ``more``: of ranks whose end torchrun has not seen."""
    folder = tmp_path / "none_x" / "attempt_0"
    said = [*((rank, message) for rank, (_, message) in failures.items()), *more]
    for order, (rank, message) in enumerate(said):
        path = folder / str(rank) / "error.json"
        path.parent.mkdir(parents=True)
        if message is not None:
            monkeypatch.setenv(ERROR_FILE, str(path))
            record_error(message)
            os.utime(path, ns=(10**18 + order, 10**18 + order))
    return ChildFailedError(
        "toy",
        {
            rank: ProcessFailure(
                local_rank=rank, pid=1, exitcode=code, error_file=str(folder / str(rank) / "error.json")
            )
            for rank, (code, _) in failures.items()
        },
    )


@pytest.mark.parametrize(
    "failures, more, first, text",
    [
        ({1: (1, "late"), 0: (1, "later")}, [], 1, "failed first: late"),
        ({0: (1, GLOO), 1: (1, "the cause")}, [], 1, "failed first: the cause"),
        (
            {0: (1, GLOO), 1: (-9, None)},
            [],
            1,
            "was killed (signal 9): usually the machine ran out of memory",
        ),
        # torchrun kills what does not end by itself.
        ({0: (-9, None), 1: (1, "the cause")}, [], 1, "failed first: the cause"),
        ({0: (1, GLOO), 1: (-11, None)}, [], 1, "was ended by signal 11 (SIGSEGV)"),
        ({0: (-15, None), 1: (2, None)}, [], 1, "ended with exit code 2; read what it has written above"),
        # The one that lost the exchange ended first, and torchrun has ended the other.
        ({0: (1, GLOO)}, [(1, "the cause")], 1, "failed first: the cause"),
        (
            {0: (1, GLOO), 1: (-15, None)},
            [],
            0,
            "has lost the others, whose own messages say more: RuntimeError",
        ),
    ],
)
def test_the_cause_comes_before_what_follows_from_it(tmp_path, monkeypatch, failures, more, first, text):
    found = failures_of(left(tmp_path, monkeypatch, failures, *more), tmp_path)[0]
    assert found.rank == first and found.text().startswith(text)


def test_a_traceback_stands_before_the_last_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(ERROR_FILE, str(tmp_path / "none_x" / "attempt_0" / "0" / "error.json"))
    error = left(tmp_path, monkeypatch, {0: (1, "x")})
    record_error("KeyError: 'a'", "Traceback\n  line\nKeyError: 'a'\n")
    assert tell(failures_of(error, tmp_path)[0]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "torchrun: error: rank 0 failed first, with",
        "Traceback",
        "  line",
        "KeyError: 'a'",
        "torchrun: error: rank 0 failed first: KeyError: 'a'",
    ]


@pytest.mark.parametrize(
    "code, message, expected",
    [(2, "the cause", 2), (-6, "the cause", 1), (-9, None, 137), (-11, GLOO, 139)],
)
def test_the_exit_code_is_of_the_cause(tmp_path, monkeypatch, code, message, expected):
    """A process that has said what failed may be aborted by its threads while it clears up."""
    error = left(tmp_path, monkeypatch, {0: (code, message), 1: (-15, None)})
    assert tell(failures_of(error, tmp_path)[0]) == expected


def test_without_a_launcher_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv(ERROR_FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    record_error("x")
    monkeypatch.setenv(ERROR_FILE, str(tmp_path / "none" / "error.json"))
    record_error("x")  # its folder is gone, or the disk is full
    assert not list(tmp_path.iterdir())


def test_what_a_process_has_left_is_never_half_written(tmp_path, monkeypatch):
    """torchrun may look between the two, and cannot bear a file without its content."""
    path, seen = tmp_path / "error.json", []
    monkeypatch.setenv(ERROR_FILE, str(path))
    replace = Path.replace

    def look_first(self, target):
        seen.append(path.exists() or read_error(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look_first)
    record_error("the cause")
    assert seen == [("the cause", "")] and read_error(path) == ("the cause", "")


# --- Ctrl-Z -------------------------------------------------------------------------------------------------

SLEEPER = """
import os, time
from espnet_tse.io.parent_process import end_with_torchrun
end_with_torchrun()
child = os.fork()  # as the workers of a loader
if child:
    with open(f"rank{os.environ['RANK']}.tmp", "w") as file:
        file.write(f"{os.getpid()} {child} {os.getppid()}")
    os.rename(file.name, file.name[:-4])
while not os.path.exists("go"):
    time.sleep(0.05)
"""


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_for(condition, seconds: float = 600.0) -> bool:
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return met


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc for the state of processes")
def test_ctrl_z_stops_run_pl_its_job_and_the_ranks_and_they_go_on(tmp_path):
    (tmp_path / "rank.py").write_text(SLEEPER)
    run_pl = Path(__file__).resolve().parents[2] / "utils" / "run.pl"
    # A process group of its own, as an interactive shell gives to a command.
    launcher = subprocess.Popen(
        [str(run_pl), "log", *torchrun("rank.py")], cwd=tmp_path, stderr=subprocess.DEVNULL, process_group=0
    )
    files = [tmp_path / "rank0", tmp_path / "rank1"]
    try:
        assert wait_for(lambda: all(file.exists() for file in files)), (tmp_path / "log").read_text()
        ranks = [[int(number) for number in file.read_text().split()] for file in files]
        family = {launcher.pid, *ranks[0], *ranks[1]}
        assert len(family) == 6
        for _ in range(2):  # the second time as the first
            os.killpg(launcher.pid, signal.SIGTSTP)
            assert wait_for(lambda: {state_of(process) for process in family} == {"T"})
            os.killpg(launcher.pid, signal.SIGCONT)
            assert wait_for(lambda: "T" not in {state_of(process) for process in family})
        (tmp_path / "go").touch()
        assert launcher.wait(120) == 0, (tmp_path / "log").read_text()
    finally:
        if launcher.poll() is None:
            os.killpg(launcher.pid, signal.SIGCONT)
            launcher.terminate()
            launcher.wait()
