"""The system that comes with the package: extraction works before anything is trained or downloaded."""

from pathlib import Path

import espnet_tse

SHIPPED = Path(espnet_tse.__file__).parent / "pretrained" / "magnitude_mask_librispeech"
