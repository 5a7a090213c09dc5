"""Settings of preferences: of the command, and of a system's YAML (``preferences:``)."""

import math
from dataclasses import dataclass

from espnet_tse.io.nearest_name import check_known
from espnet_tse.scoring.measure.registry import METRICS


@dataclass(frozen=True)
class PreferenceConf:
    """How preferences are made."""

    num_utterances: int = 200
    candidates: int = 32  # M
    top_k: int = 16  # k
    score: str = "dnsmos_ovrl"  # metric, or metric=weight,metric=weight
    min_margin: float = 1e-3  # of the scores of the best and the worst; below, it is a tie and dropped
    seed: int = 0
    model_dir: str = ""  # weights of metrics that want some, as for ``espnet-tse score``

    def __post_init__(self):
        for name, lowest in (("num_utterances", 1), ("candidates", 2), ("top_k", 2), ("seed", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name} is {getattr(self, name)}, want {lowest} or more.")
        if self.min_margin < 0:
            raise ValueError(f"min_margin is {self.min_margin}, want 0 or more.")
        weights_of(self.score)


def weights_of(score: str) -> dict[str, float]:
    """Metric -> weight of its value, negative where lower is better.

    Raises:
        ValueError: no such metric, one without a direction, or no number behind it.
    """
    weights = {}
    for part in score.split(","):
        name, _, number = part.partition("=")
        check_known([name], METRICS, where="score")
        if METRICS[name].direction == "none":
            raise ValueError(f"score {score}: {name} has no better and no worse; name another metric.")
        try:
            weight = float(number) if number else 1.0
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf:
            raise ValueError(f"score {score}: '{part}' wants a weight above 0, as {name}=1.")
        weights[name] = weight if METRICS[name].higher_is_better else -weight
    return weights
