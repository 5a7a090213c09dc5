"""The waveform that an extraction returns."""

from dataclasses import dataclass, field

from torch import Tensor

from espnet_tse.schema.codes import Codes


@dataclass
class Estimate:
    """The extracted target at the length and rate of the mixture."""

    waveform: Tensor  # (B, N) float, zeros behind a row's length
    lengths: Tensor  # (B,) int64, samples
    sample_rate: int  # Hz
    codes: Codes | None = None  # what the generator emitted, where it emits codes
    num_function_evaluations: int = 0  # NFE of the generator
    diagnostics: dict = field(default_factory=dict)  # numbers for decode.json
