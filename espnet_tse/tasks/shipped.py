"""The systems that come with the package: extraction works before anything is trained or downloaded."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pretrained"
SHIPPED = {"base": FOLDER / "magnitude_mask_base", "stream": FOLDER / "magnitude_mask_stream"}
BASE = SHIPPED["base"]  # whole recordings
STREAM = SHIPPED["stream"]  # causal
