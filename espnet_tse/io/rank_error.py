"""What one of several processes failed with: written where torchrun looks for it.

The file has the form of PyTorch's (``torch.distributed.elastic.multiprocessing.errors``), but holds messages for
users as they are, and is written without loading PyTorch.
"""

import contextlib
import json
import os
import time
from pathlib import Path

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"  # set by torchrun for each process


def record_error(message: str, trace: str = "") -> None:
    """Leave ``message`` for the launcher; nothing where there is none.

    Args:
        trace: the traceback, empty where the message says all.
    """
    if path := os.environ.get(ERROR_FILE):
        extra = {"py_callstack": trace or message, "timestamp": str(int(time.time()))}
        content = json.dumps({"message": {"message": message, "extraInfo": extra}})
        # torchrun reads the file as soon as any process has failed, and ends with a fault of its own where it is half
        # written.
        temporary = Path(f"{path}.tmp")
        # A disk that is full must not hide the error itself.
        with contextlib.suppress(OSError):
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(path)


def read_error(path: Path) -> tuple[str, str] | None:
    """Message and traceback of a file of ``record_error``; None where there is none, or none that is whole."""
    try:
        message = json.loads(path.read_text(encoding="utf-8"))["message"]
        text, trace = message["message"], message["extraInfo"]["py_callstack"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return text, "" if trace == text else trace
