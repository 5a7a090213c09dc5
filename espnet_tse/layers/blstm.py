"""A bidirectional LSTM layer that trains on CPUs in less memory than PyTorch's own."""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet_tse.layers.autocast import as_autocast_computes
from espnet_tse.schema.padding import valid_mask

# Below this many (sequence, unit) pairs a step the calls of the loop cost more than their arithmetic.
WORTH_A_LOOP = 8192


class BLSTM(nn.LSTM):
    """``nn.LSTM`` of one layer and two directions (same weights, same numbers) on time-major sequences.

    Training on a CPU in float32 goes through ``LSTMPass``: one product for the inputs of all steps, gates
    that overwrite their pre-activations and alone are kept, weight gradients as one product. cuDNN,
    inference, bfloat16 and small layers use PyTorch's kernel, which wants sequences of one length: see
    ``turned_pass``.
    """

    def __init__(self, input_size: int, hidden_size: int, recompute: bool = False):
        """``recompute``: keep no gates for the backward pass but compute them again, a third more time."""
        super().__init__(input_size, hidden_size, bidirectional=True)
        self.recompute = recompute

    def forward(
        self, values: Tensor, lengths: Tensor | None = None, norm: nn.LayerNorm | None = None
    ) -> Tensor:
        """Run both directions.

        Args:
            values: (L, N, D), time first.
            lengths: (N,) valid steps a sequence; None where all are L. The backward direction begins at a
                sequence's own end.
            norm: of ``values``, in front; the own pass computes its output again instead of keeping it.
        Returns:
            (L, N, 2H); zeros behind a sequence's length.
        """
        if lengths is not None and int(lengths.min()) == values.size(0):
            lengths = None
        if self.takes_own_pass(values):
            return self.own_pass(values, lengths, norm)
        if norm is not None:
            values = norm(values)
        values = as_autocast_computes(values)
        if lengths is None:
            return super().forward(values)[0]
        if values.device.type == "cpu":
            return self.turned_pass(values, lengths)
        packed = pack_padded_sequence(values, lengths.cpu(), enforce_sorted=False)
        return pad_packed_sequence(super().forward(packed)[0], total_length=values.size(0))[0]

    def turned_pass(self, values: Tensor, lengths: Tensor) -> Tensor:
        """As ``forward``, by PyTorch's kernel of whole sequences: for packed ones it has only a loop on CPUs.

        The backward direction is a forward one over sequences that are turned round, each within its length.
        """
        steps = torch.arange(values.size(0))[:, None]
        valid = steps < lengths
        turned = torch.where(valid, lengths - 1 - steps, steps)[..., None]
        hidden = self.one_direction(values, "")
        last_first = values.gather(0, turned.expand_as(values))
        backwards = self.one_direction(last_first, "_reverse").gather(0, turned.expand_as(hidden))
        return torch.cat([hidden, backwards], dim=2) * valid[..., None]

    def one_direction(self, values: Tensor, end: str) -> Tensor:
        """(L, N, D) -> (L, N, H) by the weights whose names end so."""
        weights = [
            getattr(self, f"{name}_l0{end}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        zeros = values.new_zeros(1, values.size(1), self.hidden_size)
        return torch.lstm(values, (zeros, zeros), weights, True, 1, 0.0, self.training, False, False)[0]

    def takes_own_pass(self, values: Tensor) -> bool:
        return (
            values.device.type == "cpu"
            and values.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and torch.is_grad_enabled()
            and values.size(1) * self.hidden_size >= WORTH_A_LOOP
        )

    def own_pass(self, values: Tensor, lengths: Tensor | None, norm: nn.LayerNorm | None) -> Tensor:
        valid = None if lengths is None else valid_mask(lengths, values.size(0)).t()[..., None].to(values)
        weights = [
            weight
            for end in ("", "_reverse")
            for weight in (
                getattr(self, f"weight_ih_l0{end}"),
                getattr(self, f"weight_hh_l0{end}"),
                getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}"),
            )
        ]
        scales = (None, None, 0.0) if norm is None else (norm.weight, norm.bias, norm.eps)
        return LSTMPass.apply(values, valid, self.recompute, *scales, *weights)


def squash(doubled: Tensor) -> Tensor:
    """tanh(x) of 2x, in place: 2 sigmoid(2x) - 1, a sixth of the time of PyTorch's tanh on CPUs."""
    return doubled.sigmoid_().mul_(2).sub_(1)


def by_gate(weight: Tensor) -> Tensor:
    """(4H, ...) -> a copy (4, H, ...) with the gate g, the third, doubled."""
    gates = weight.detach().unflatten(0, (4, -1)).clone()
    gates[2] *= 2
    return gates


def gates_of_inputs(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b of all steps: (4, L, N, H), a gate of a step lies in one piece."""
    weight, bias = by_gate(weight), by_gate(bias)
    gates = values.new_empty(4, *values.shape[:2], weight.size(1))
    for gate, matrix, offset in zip(gates, weight, bias):
        torch.addmm(offset, values.flatten(0, 1), matrix.t(), out=gate.flatten(0, 1))
    return gates


class LSTMPass(torch.autograd.Function):
    """Both directions of an LSTM (Hochreiter and Schmidhuber 1997; gates in PyTorch's order i, f, g, o).

    The weights of g are doubled before the sigmoid, so that one call serves all four gates:
    g = tanh(x) = 2 sigmoid(2x) - 1.
    """

    @staticmethod
    def forward(ctx, values, valid, recompute, norm_weight, norm_bias, eps, *weights):
        """(L, N, D) -> (L, N, 2H).

        Args:
            valid: (L, N, 1) with zeros at padding, or None.
            norm_weight, norm_bias, eps: (D,) twice and the floor of the variance, of a layer norm of
                ``values``; None without one.
            weights: of inputs (4H, D), of hidden states (4H, H), bias (4H,), a direction after the other.
        """
        normed = normalized(values, norm_weight, norm_bias, eps)[0]
        output = values.new_empty(*values.shape[:2], 2 * weights[1].size(1))
        kept = []
        for hidden, reverse, (weight_ih, weight_hh, bias) in directions(output, weights):
            gates = gates_of_inputs(normed, weight_ih, bias)
            run_steps(gates, by_gate(weight_hh), hidden, valid, reverse)
            kept += [] if recompute else [gates]
        ctx.recompute, ctx.eps = recompute, eps
        # Saved as tensors and not as attributes: checkpointing drops the former only.
        ctx.save_for_backward(values, output, valid, norm_weight, norm_bias, *weights, *kept)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        inputs, output, valid, norm_weight, norm_bias, *saved = ctx.saved_tensors
        weights, kept = saved[:6], saved[6:]
        values, *moments = normalized(inputs, norm_weight, norm_bias, ctx.eps)
        wants_values = ctx.needs_input_grad[0] or norm_weight is not None
        grad_values = torch.zeros_like(values).flatten(0, 1) if wants_values else None
        gradients = []
        parts = zip(grad_output.chunk(2, dim=2), directions(output, weights))
        for grad_hidden, (hidden, reverse, (weight_ih, weight_hh, bias)) in parts:
            if ctx.recompute:
                gates = gates_again(values, weight_ih, weight_hh, bias, hidden, reverse)
            else:
                gates = kept.pop(0)
            cells = cells_again(gates, valid, reverse)
            run_steps_back(gates, cells, weight_hh.unflatten(0, (4, -1)), grad_hidden, valid, reverse)
            flat, flat_values = gates.flatten(1, 2), values.flatten(0, 1)
            if grad_values is not None:
                for part, matrix in zip(flat, weight_ih.unflatten(0, (4, -1))):
                    grad_values.addmm_(part, matrix)
            later, before = (gates[:, :-1], hidden[1:]) if reverse else (gates[:, 1:], hidden[:-1])
            before = before.flatten(0, 1)
            gradients.append(torch.cat([part.t() @ flat_values for part in flat]))
            gradients.append(torch.cat([part.flatten(0, 1).t() @ before for part in later]))
            gradients.append(flat.sum(dim=1).flatten())
            del gates, cells, flat, later  # before the other direction's are made
        grad_values, *grad_norm = norm_backward(grad_values, inputs, norm_weight, norm_bias, moments)
        return grad_values, None, None, *grad_norm, None, *gradients


def normalized(values: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, ...]:
    """Layer norm over the last axis with mean and inverse deviation; ``values`` alone without a weight."""
    return (values,) if weight is None else torch.native_layer_norm(values, weight.shape, weight, bias, eps)


def norm_backward(
    grad: Tensor | None, values: Tensor, weight: Tensor | None, bias: Tensor | None, moments: list[Tensor]
) -> tuple[Tensor | None, ...]:
    """Gradients of values, weight and bias of ``normalized``; ``grad`` is flat, None where none is wanted."""
    if grad is None:
        return None, None, None
    grad = grad.view_as(values)
    if weight is None:
        return grad, None, None
    wanted = [True, True, True]
    return torch.ops.aten.native_layer_norm_backward(
        grad, values, weight.shape, *moments, weight, bias, wanted
    )


def directions(output: Tensor, weights) -> list[tuple[Tensor, bool, tuple[Tensor, ...]]]:
    """(hidden states (L, N, H), whether time runs backwards, weights) of both directions."""
    forwards, backwards = output.chunk(2, dim=2)
    return [(forwards, False, tuple(weights[:3])), (backwards, True, tuple(weights[3:]))]


def run_steps(gates: Tensor, recurrent: Tensor, hidden: Tensor, valid: Tensor | None, reverse: bool) -> None:
    """Fill ``hidden`` (L, N, H) and turn pre-activations into gates, (4, L, N, H)."""
    _, steps, rows, width = gates.shape
    cell, scratch = gates.new_zeros(rows, width), gates.new_empty(rows, width)
    last = None
    for step in in_time(steps, reverse):
        gate = gates[:, step]
        if last is not None:
            for part, matrix in zip(gate, recurrent):
                part.addmm_(hidden[last], matrix.t())
        next_cell(gate.sigmoid_(), cell, cell)
        if valid is not None:
            cell.mul_(valid[step])
        torch.mul(gate[3], squash(torch.mul(cell, 2, out=scratch)), out=hidden[step])
        last = step


def cells_again(gates: Tensor, valid: Tensor | None, reverse: bool) -> Tensor:
    """The cells (L, N, H): one more pass over the gates is cheaper than the memory to keep them."""
    cells = torch.empty_like(gates[0])
    before = gates.new_zeros(gates.shape[2:])
    for step in in_time(gates.size(1), reverse):
        before = next_cell(gates[:, step], before, cells[step])
        if valid is not None:
            before.mul_(valid[step])
    return cells


def next_cell(gate: Tensor, before: Tensor, out: Tensor) -> Tensor:
    """f c + i (2 g - 1) of the gates of a step, (4, N, H); ``out`` may be ``before``."""
    i, f, g, _ = gate
    return torch.mul(f, before, out=out).addcmul_(i, g, value=2).sub_(i)


def in_time(steps: int, reverse: bool) -> list[int]:
    """The steps of a direction in their order."""
    return list(reversed(range(steps)) if reverse else range(steps))


def gates_again(
    values: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, hidden: Tensor, reverse: bool
) -> Tensor:
    """The gates of all steps at once: the hidden states are known, so no step waits for another."""
    gates = gates_of_inputs(values, weight_ih, bias)
    for gate, matrix in zip(gates, by_gate(weight_hh)):
        later, before = (gate[:-1], hidden[1:]) if reverse else (gate[1:], hidden[:-1])
        later.flatten(0, 1).addmm_(before.flatten(0, 1), matrix.t())
    return gates.sigmoid_()


def run_steps_back(
    gates: Tensor, cells: Tensor, recurrent: Tensor, grad_output: Tensor, valid: Tensor | None, reverse: bool
) -> None:
    """Turn gates (4, L, N, H) into gradients of their pre-activations; autograd refuses a second pass."""
    _, steps, rows, width = gates.shape
    upstream = gates.new_empty(4, rows, width)
    grad_hidden, grad_cell, scratch = gates.new_zeros(3, rows, width)
    order = in_time(steps, not reverse)
    for step, before in zip(order, [*order[1:], None]):
        gate = gates[:, step]
        i, f, g, o = gate
        grad_hidden.add_(grad_output[step])
        squash(torch.mul(cells[step], 2, out=scratch))
        torch.mul(grad_hidden, scratch, out=upstream[3])
        grad_cell.addcmul_(
            grad_hidden.mul_(o), torch.addcmul(grad_hidden.new_ones(()), scratch, scratch, value=-1)
        )
        if valid is not None:
            grad_cell.mul_(valid[step])
        torch.addcmul(grad_cell, grad_cell, g, value=-2, out=upstream[0]).neg_()
        torch.mul(grad_cell, i, out=upstream[2]).mul_(4)
        torch.mul(grad_cell, cells[before] if before is not None else 0, out=upstream[1])
        grad_cell.mul_(f)
        torch.ops.aten.sigmoid_backward.grad_input(upstream, gate, grad_input=gate)
        torch.mm(gate[0], recurrent[0], out=grad_hidden)
        for part, matrix in zip(gate[1:], recurrent[1:]):
            grad_hidden.addmm_(part, matrix)
