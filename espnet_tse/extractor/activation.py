"""Activations of masks by name."""

from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
    "prelu": nn.PReLU,
}
OF_MASKS = ("relu", "sigmoid", "tanh", "linear")


def activation(name: str) -> nn.Module:
    """One of ``ACTIVATIONS``."""
    return ACTIVATIONS[name]()


def check_activation(option: str, name: str, known: tuple[str, ...] = tuple(ACTIVATIONS)) -> None:
    """Raise ValueError for an unknown name."""
    if name not in known:
        raise ValueError(f"{option} '{name}' is none of {list(known)}.")
