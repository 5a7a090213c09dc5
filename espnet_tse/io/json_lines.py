"""Files of JSON lines that grow while a run goes on."""

import json
from pathlib import Path
from typing import Any


def whole_rows(path: Path) -> list[Any]:
    """The rows of a file, without the last one where a killed run has not written its line to the end.

    Raises:
        ValueError: not UTF-8, or a line that ends is no JSON.
    """
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
