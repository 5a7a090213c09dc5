"""An LSTM that looks at the past only."""

import torch
from torch import Tensor, nn

from espnet_tse.layers.autocast import as_autocast_computes
from espnet_tse.layers.stream_state import StreamState


class ForwardLSTM(nn.LSTM):
    """A unidirectional LSTM on time-major sequences that goes on where a stream stopped."""

    def forward(
        self, values: Tensor, lengths: Tensor | None = None, state: StreamState | None = None
    ) -> Tensor:
        """(L, N, D) -> (L, N, H); what comes behind a sequence does not reach it."""
        held = None if state is None or self not in state else tuple(state[self].unbind())
        values, last = super().forward(as_autocast_computes(values), held)
        if state is not None:
            state[self] = torch.stack(last)
        return values
