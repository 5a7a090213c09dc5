"""A child process that computes a measure: for code that may crash, or that cannot share a process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.exit_code import ending_of

# What native code brings upon itself; all other signals come from outside.
OWN_SIGNALS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


class ChildProcess:
    """``python -m module``, started by the first request and again after a crash; close it when done.

    A request is a few byte blocks on its stdin, a reply one JSON line from its stdout.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.module, self.arguments = module, arguments
        self.child: subprocess.Popen | None = None

    def __enter__(self) -> "ChildProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self.child:
            for pipe in (self.child.stdin, self.child.stdout):
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # it died with unsent samples in the buffer; nothing is lost
            self.child.wait()
            self.child = None

    def _start(self) -> subprocess.Popen:
        # The child must find this package also where it is not installed.
        root = str(Path(__file__).resolve().parents[3])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    def ask(self, *blocks: bytes) -> dict | None:
        """The child's reply, or None when it crashed.

        A child that was killed from outside, as for lack of memory, says nothing about the request: a fresh one is asked
        once more.

        Raises:
            RuntimeError: it was killed twice; or it exited by itself, which is a fault of this program (e.g. a failed
                import).
        """
        for _ in range(2):
            reply, code = self._asked(blocks)
            if code >= 0 or -code in OWN_SIGNALS:
                return reply
        raise RuntimeError(
            f"the child process {self.module} {ending_of(code)}, twice; free some memory or lower --nj, and run the same "
            "command again."
        )

    def _asked(self, blocks: Sequence[bytes]) -> tuple[dict | None, int]:
        """Its reply and 0; or None and the negative number of the signal that ended it."""
        if self.child is None:
            self.child = self._start()
        try:
            for block in blocks:
                self.child.stdin.write(block)
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = b""
        if line.endswith(b"\n"):
            return json.loads(line), 0
        code = self.child.wait()
        self.close()
        if code > 0:
            raise RuntimeError(
                f"the child process {self.module} ended with exit code {code}; see its message above."
            )
        return None, code
