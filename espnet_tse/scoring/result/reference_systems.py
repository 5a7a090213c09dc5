"""Rows that frame the systems of a test set: the mixture, the target, a codec's resynthesis."""

import re

# Rows that give the scale of a test set, in their order above the systems.
REFERENCE_SYSTEMS = ("mixture", "interferer", "target", "codec")


def reference_rank(system: str) -> int:
    """Place of a system among REFERENCE_SYSTEMS; their number for anything else."""
    name = system.lower()
    for rank, reference in enumerate(REFERENCE_SYSTEMS):
        if re.match(rf"{reference}($|[^a-z0-9])", name):
            return rank
    return REFERENCE_SYSTEMS.index("codec") if "resynth" in name else len(REFERENCE_SYSTEMS)


def is_mixture(system: str) -> bool:
    """Whether a row is named as that of the unprocessed mixtures."""
    return reference_rank(system) == REFERENCE_SYSTEMS.index("mixture")
