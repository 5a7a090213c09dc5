"""UTMOS22 strong learner (Saeki et al., INTERSPEECH 2022), in a process of its own.

Its code is a local clone of tarepan/SpeechMOS, whose package bears the name of the PyPI package ``speechmos``
(the carrier of the DNSMOS files): one process cannot import both.
"""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.child import ChildProcess
from espnet_tse.scoring.measure.network_input import full_scale
from espnet_tse.scoring.measure.utmos_server import HEADER


class Utmos(ChildProcess):
    """Waveform -> [MOS]; close it when done."""

    def __init__(self, clone: Path, weights: Path):
        """``clone``: folder of ``hubconf.py``; ``weights``: ``utmos22_strong_step7459_v1.pt``."""
        super().__init__("espnet_tse.scoring.measure.utmos_server", str(clone), str(weights))

    def __call__(self, samples: np.ndarray) -> list[float]:
        """Score (N,) samples at 16 kHz.

        Raises:
            RuntimeError: the process was killed, or crashed.
        """
        reply = self.ask(HEADER.pack(len(samples)), full_scale(samples).tobytes())
        if reply is None:
            raise RuntimeError(
                "the UTMOS process crashed; read the messages above, and run the same command again to go on."
            )
        return [reply["value"]]
