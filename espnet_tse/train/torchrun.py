"""Several processes of one training by PyTorch's torchrun: its end names the process that failed first and why.

torchrun itself shows every failure alike, and the process that only lost the exchange with the one that failed
often tells more, and later. It also puts its processes into sessions of their own, which Ctrl-Z of a terminal does
not reach.
"""

import os
import re
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from espnet_tse.io.exit_code import ending_of
from espnet_tse.io.rank_error import read_error

# Of gloo, NCCL and the store, in a process whose partner is gone.
LOST_PARTNER = re.compile(
    r"gloo/|^Dist\w*Error: |Connection (closed|reset) by|NCCL|ProcessGroup|TCPStore|Broken pipe|timed out",
    re.I,
)
FIX = "use fewer processes, smaller batches (--max_piece_s, --max_batch_s), fewer num_workers or cache_audio: false"


@dataclass(frozen=True)
class Failure:
    """Of one process."""

    rank: int
    code: int | None  # exit code, negative for a signal; None: it was ended by torchrun, or is not known
    message: str | None  # that it has left
    trace: str  # empty where the message says all
    written_ns: int  # when it left the message

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts what may have been the cause before what follows from it, then by time."""
        if self.message is not None and not LOST_PARTNER.search(self.message):
            kind = 0
        elif self.code is not None and self.code < 0 and self.code != -signal.SIGTERM:
            kind = 1
        elif self.message is None and self.code is not None and self.code > 0:
            kind = 2
        else:
            kind = 3 if self.message is not None else 4
        return kind, self.written_ns, self.rank

    def text(self) -> str:
        """One sentence, behind the name of the process."""
        kind = self.order[0]
        if kind == 1 and self.code == -signal.SIGKILL:
            return f"{ending_of(self.code)}; {FIX}"
        if kind == 3:
            return f"has lost the others, whose own messages say more: {self.message}"
        if kind == 0:
            return f"failed first: {self.message}"
        return f"{ending_of(self.code or 1)}; read what it has written above"


def failures_of(error: ChildFailedError, folder: Path) -> list[Failure]:
    """All of this machine, the likely cause first.

    Args:
        folder: where torchrun has kept the files of errors. A process that it has ended while another one's failure was
            looked at may have been the first.
    """
    offset = next(rank - failure.local_rank for rank, failure in error.failures.items())
    codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
    files = {int(path.parent.name) + offset: path for path in folder.glob("*/attempt_*/*/error.json")}
    found = []
    for rank in sorted(codes.keys() | files.keys()):
        left = read_error(files[rank]) if rank in files else None
        message, trace = left or (None, "")
        written = files[rank].stat().st_mtime_ns if left else 0
        found.append(Failure(rank, codes.get(rank), message, trace, written))
    return sorted(found, key=lambda failure: failure.order)


def children_of(parent: int) -> list[int]:
    """Process ids, by Linux' /proc; none elsewhere."""
    children = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):  # it has ended meanwhile
            continue
        if int(words[1]) == parent:
            children.append(int(file.parent.name))
    return children


def signal_ranks(number: int) -> None:
    """To the sessions of the processes that torchrun has started."""
    for child in children_of(os.getpid()):
        try:
            if os.getsid(child) == child:
                os.killpg(child, number)
        except ProcessLookupError:
            pass


def stop_with_ranks(number: int, _frame: object) -> None:
    """Ctrl-Z: stop the ranks, then this process; go on with them when it does."""
    # Not as SIGTSTP, which the system drops in sessions without a terminal.
    signal_ranks(signal.SIGSTOP)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.signal(number, stop_with_ranks)
    signal_ranks(signal.SIGCONT)


def main(words: Sequence[str] | None = None) -> int:
    """torchrun with its own command line.

    Returns:
        the exit code: 0, 137 where a process was killed, else that of the process that failed first, or 1.
    """
    signal.signal(signal.SIGTSTP, stop_with_ranks)
    with tempfile.TemporaryDirectory(prefix="torchrun_") as folder:
        words = ["--log_dir", folder, *(sys.argv[1:] if words is None else words)]
        arguments = run.parse_args(words)
        try:
            run.run(arguments)
        except ChildFailedError as error:
            first, *_ = failures_of(error, Path(folder))
            return tell(first)
        except SignalException as error:
            print(f"torchrun: stopped by {error.sigval.name}", file=sys.stderr)
            return 128 + error.sigval
    return 0


def tell(first: Failure) -> int:
    """The failure as the last lines of the log; the exit code."""
    if first.trace:
        print(f"torchrun: error: rank {first.rank} failed first, with", file=sys.stderr)
        print(first.trace.rstrip(), file=sys.stderr)
    print(f"torchrun: error: rank {first.rank} {first.text()}", file=sys.stderr, flush=True)
    if first.code is None or first.code == 0:
        return 1
    if first.code > 0:
        return first.code
    # By its own message, whatever has killed it while it cleared up: gloo's threads do that now and then.
    return 1 if first.order[0] == 0 else 128 - first.code


if __name__ == "__main__":
    sys.exit(main())
