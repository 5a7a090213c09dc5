"""Exponential moving average of the weights."""

from contextlib import contextmanager
from typing import Iterator

import torch
from torch import Tensor, nn

from espnet_tse.train.parallel import local, local_of, whole_of


class MovingAverage:
    """a <- d a + (1 - d) w after every update, of all weights that are trained.

    d = min(decay, (1 + t) / (10 + t)) at update t, so that the start does not weigh on a short training
    (the warm-up of TensorFlow's ``ExponentialMovingAverage``).
    """

    def __init__(self, model: nn.Module, decay: float):
        """
        Raises:
            ValueError: ``decay`` is not in (0, 1).
        """
        if not 0.0 < decay < 1.0:
            raise ValueError(f"ema_decay is {decay}, want a number in (0, 1), as 0.999; or none.")
        self.model, self.decay, self.num_updates = model, decay, 0
        # Of each weight what this process holds.
        self.values = {name: local(weight.detach()).clone() for name, weight in self._weights()}

    def _weights(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, p) for name, p in self.model.named_parameters() if p.requires_grad)

    @torch.no_grad()
    def update(self) -> None:
        """Take the current weights into the average."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        weights = [local(weight.detach()) for _, weight in self._weights()]
        torch._foreach_lerp_(list(self.values.values()), weights, 1 - decay)

    @contextmanager
    def in_the_model(self) -> Iterator[None]:
        """Within the block the model holds the averages; the weights come back at its end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self._weights():
            held = local(weight.detach())  # in place: what trains the model may have hold of its storage
            before = held.clone()
            held.copy_(self.values[name])
            self.values[name].copy_(before)

    def state_dict(self) -> dict:
        """The whole averages; every process has to call this."""
        values = {name: whole_of(self.values[name], weight) for name, weight in self._weights()}
        return {"num_updates": self.num_updates, "values": values}

    def load_state_dict(self, state: dict) -> None:
        """
        Raises:
            ValueError: the state is of other weights.
        """
        if state["values"].keys() != self.values.keys():
            raise ValueError(
                "the moving average of the checkpoint is of another model; start in a new --output_dir."
            )
        self.num_updates = state["num_updates"]
        for name, weight in self._weights():
            self.values[name].copy_(local_of(state["values"][name], weight))
