"""Targets of the average velocity u(x, t, s) of a flow between the times t and s >= t, towards the end at 1.

Of a path dx/dt = v(x, t) it is (s - t) u(x_t, t, s) = integral of v along the path from t to s: one step of u from x_t
is x_s, whatever lies between. Published derivations run time the other way, from the end to the start; the signs here
follow from this definition (derived here), and an oracle tests them.
"""

from typing import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

# (x (B, T, D), t (B,), s (B,)) -> u (B, T, D), each row by itself.
AverageVelocity = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.no_grad()
def identity_target(
    network: AverageVelocity, state: Tensor, speed: Tensor, time: Tensor, end: Tensor
) -> Tensor:
    """v + (s - t) du/dt, with du/dt = v d_x u + d_t u at fixed s: the MeanFlow identity for times that run forwards.

    Deriving (s - t) u = integral from t to s of v by t gives -u + (s - t) du/dt = -v. MeanFlow (arXiv:2505.13447, Eq. 6)
    averages from r up to the current time t, and so has a minus in front of its term. A single path's
    x_1 - x_0 may stand for v: the target is linear in it, and its mean over all paths through x is that of the flow.

    The derivative is a Jacobian-vector product in full precision: bfloat16 leaves little of it.

    Args:
        network: u.
        state: (B, T, D) x_t.
        speed: (B, T, D) v.
        time, end: (B,) t <= s; rows with s = t have the target v.
    Returns:
        (B, T, D) without gradient.
    """
    width = (end - time)[:, None, None]
    with torch.autocast(state.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
        # Fused attention has no forward derivative.
        directions = (speed, torch.ones_like(time), torch.zeros_like(end))
        _, slope = torch.func.jvp(network, (state, time, end), directions)
    return speed + width * slope.float()


@torch.no_grad()
def consistency_target(
    network: AverageVelocity, state: Tensor, speed: Tensor, time: Tensor, end: Tensor, alpha: float
) -> Tensor:
    """a v + (1 - a) u(x_t + (t' - t) v, t', s) with t' = t + a (s - t): a step along v, the rest by u itself.

    From (s - t) u(x_t, t, s) = (t' - t) u(x_t, t, t') + (s - t') u(x_t', t', s), with v for the average velocity of the
    short first span: an error of the order of a^2 (s - t) in one target, and of a (s - t) in a network that has learned
    from its own. a = 1 is flow matching, a -> 0 the identity above, without a derivative (alpha-Flow, arXiv:2510.20771, of
    which the abstract was read; derived here).

    Args:
        network: u.
        state: (B, T, D) x_t.
        speed: (B, T, D) v.
        time, end: (B,) t <= s.
        alpha: a in (0, 1].
    Returns:
        (B, T, D) without gradient.
    """
    if alpha == 1.0:
        return speed
    step = alpha * (end - time)
    rest = network(state + step[:, None, None] * speed, time + step, end)
    return alpha * speed + (1.0 - alpha) * rest.float()
