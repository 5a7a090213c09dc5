"""Extractors as functions of tensors alone, one row each, as ONNX has them: no lengths, no batch, no Python state."""

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, unit_level
from espnet_tse.layers.stream_state import StreamState


class WholeGraph(nn.Module):
    """(1, N) mixture and (1, N_e) enrollment, at any level -> (1, N) estimate at the level of the mixture."""

    inputs, outputs = ("mixture", "enrollment"), ("estimate",)

    def __init__(self, extractor: AbsExtractor):
        super().__init__()
        self.extractor = extractor

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        cue = Cue(cue_of(self.extractor, enrollment))
        if self.extractor.causal or not self.extractor.levelled:
            return self.extractor.separate(mixture, None, cue).waveform
        mixture, level = at_unit_level(mixture)
        return self.extractor.separate(mixture, None, cue).waveform * level


class EnrollGraph(nn.Module):
    """(1, N_e) enrollment at any level -> the cue of a stream, (1, E) or (1, T, ...)."""

    inputs, outputs = ("enrollment",), ("cue",)

    def __init__(self, extractor: AbsExtractor):
        super().__init__()
        self.extractor = extractor

    def forward(self, enrollment: Tensor) -> Tensor:
        return cue_of(self.extractor, enrollment)


class StepGraph(nn.Module):
    """One chunk of a stream: (1, n) mixture, the cue, the states -> (1, n) estimate and the states after it.

    The estimate is ``extractor.delay`` samples late. A stream begins with states of zeros.
    """

    def __init__(self, extractor: AbsExtractor, cue: Tensor, chunk: int):
        """
        Args:
            cue: of any enrollment.
            chunk: n, samples, whole hops.
        """
        super().__init__()
        self.extractor, self.chunk, self.cue = extractor, chunk, cue
        state = StreamState()
        with torch.no_grad():
            extractor.separate(torch.zeros(1, chunk), None, Cue(cue), state)
        # Which modules keep something is known once they have been run.
        self.keepers = list(state)
        self.states = [torch.zeros_like(kept) for kept in state.values()]
        names = [f"state{number}" for number in range(len(self.states))]
        self.inputs = ("mixture", "cue", *names)
        self.outputs = ("estimate", *(f"next_{name}" for name in names))

    def forward(self, mixture: Tensor, cue: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        state = StreamState(zip(self.keepers, states))
        estimate = self.extractor.separate(mixture, None, Cue(cue), state).waveform
        return estimate, *(state[keeper] for keeper in self.keepers)


def cue_of(extractor: AbsExtractor, enrollment: Tensor) -> Tensor:
    """As ``extractor.enroll``, of one row."""
    if extractor.levelled:
        enrollment, _ = at_unit_level(enrollment)
    return extractor.encode_enrollment(enrollment, None).values


def at_unit_level(waveform: Tensor) -> tuple[Tensor, Tensor]:
    """(1, N) -> (1, N) and its standard deviation, (1, 1)."""
    return unit_level(waveform, torch.full((1,), waveform.size(1), device=waveform.device))
