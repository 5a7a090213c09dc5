"""The waveform that an extraction returns."""

from dataclasses import dataclass, field

from torch import Tensor

from espnet_tse.schema.prediction import Prediction
from espnet_tse.schema.rows import BatchedFields


@dataclass
class Estimate(BatchedFields):
    """The extracted target at the length and rate of the mixture."""

    waveform: Tensor  # (B, N) float, zeros behind a row's length
    lengths: Tensor  # (B,) int64, samples
    sample_rate: int  # Hz
    prediction: Prediction | None = None  # what the generator emitted, where there is one
    num_function_evaluations: int = 0  # NFE of the generator
    diagnostics: dict = field(default_factory=dict)  # numbers for decode.json
    second: Tensor | None = None  # (B, N) float, the other talker of a separation

    shared = ("sample_rate", "num_function_evaluations", "diagnostics")
