"""The system that comes with the package: extraction works before anything is trained or downloaded."""

from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "pretrained" / "magnitude_mask_base"
