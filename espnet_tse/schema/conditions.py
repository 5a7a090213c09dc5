"""What a condition encoder hands to a generator."""

from dataclasses import dataclass

from espnet_tse.schema.frames import Frames


@dataclass
class Conditions:
    """The mixture and the enrollment as sequences; no system squeezes the enrollment to a vector here."""

    mixture: Frames  # (B, T_m, D)
    enrollment: Frames  # (B, T_e, D)
