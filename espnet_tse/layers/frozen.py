"""Frozen parts: inside a module, outside of its checkpoints."""

from typing import Self

from torch import nn


def leave_out_of_checkpoints(module: nn.Module, name: str) -> None:
    """Keep the child ``name`` out of ``module``'s state dict, on writing and on reading.

    A frozen codec has a folder and an identity of its own; hundreds of copies of the same weights in
    checkpoints help nobody. The child still moves to devices with the module.
    """

    def leave_out(owner: nn.Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
        for key in [key for key in state_dict if key.startswith(f"{prefix}{name}.")]:
            del state_dict[key]

    def keep(owner: nn.Module, state_dict: dict, prefix: str, *ignored) -> None:
        for key, value in getattr(owner, name).state_dict().items():
            state_dict[f"{prefix}{name}.{key}"] = value

    module.register_state_dict_post_hook(leave_out)
    module.register_load_state_dict_pre_hook(keep)


class HoldsFrozen(nn.Module):
    """A module with a part that is trained by itself: no gradient, no dropout, no statistics, in no checkpoint."""

    held: str  # name of the part

    def hold(self, name: str, part: nn.Module) -> None:
        """Make ``part`` the attribute ``name``."""
        self.held = name
        self.add_module(name, part.requires_grad_(False).eval())
        leave_out_of_checkpoints(self, name)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        getattr(self, self.held).eval()
        return self
