"""Processes that end with the one that started them, whatever ends that one."""

import os
import threading
import time

PERIOD_S = 0.5


def end_with_parent(parent: int | None = None) -> None:
    """Let this process end, whatever it is at, as soon as its parent has.

    A parent that is killed (-9) ends nothing that it has started; torchrun even starts its processes in
    sessions of their own, which no signal to a process group reaches.

    Args:
        parent: its process id, where this process may have lost it already; None: the current one.
    """
    parent = os.getppid() if parent is None else parent

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PERIOD_S)
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()


def end_with_torchrun() -> None:
    """As ``end_with_parent`` where torchrun is the parent; programs started otherwise may outlive theirs."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        end_with_parent()
