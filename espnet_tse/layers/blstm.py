"""A bidirectional LSTM layer that trains on CPUs in a third of the memory of PyTorch's own."""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet_tse.layers.padding import valid_mask

# Below this many (sequence, unit) pairs a step the calls of the loop cost more than their arithmetic.
WORTH_A_LOOP = 8192


class BLSTM(nn.LSTM):
    """``nn.LSTM`` of one layer and two directions (same weights, same numbers) on time-major sequences.

    Training on a CPU in float32 goes through ``LSTMPass``: one product for the inputs of all steps, gates that
    overwrite their pre-activations, weight gradients as one product. cuDNN, inference, bfloat16 and
    small layers use PyTorch's kernel.
    """

    def __init__(self, input_size: int, hidden_size: int, recompute: bool = False):
        """``recompute``: keep no gates for the backward pass but compute them again, a fifth more time."""
        super().__init__(input_size, hidden_size, bidirectional=True)
        self.recompute = recompute

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Run both directions.

        Args:
            values: (L, N, D), time first.
            lengths: (N,) valid steps a sequence; None where all are L. The backward direction begins at a
                sequence's own end.
        Returns:
            (L, N, 2H); zeros behind a sequence's length.
        """
        if lengths is not None and int(lengths.min()) == values.size(0):
            lengths = None
        if self.takes_own_pass(values):
            return self.own_pass(values, lengths)
        if lengths is None:
            return super().forward(values)[0]
        packed = pack_padded_sequence(values, lengths.cpu(), enforce_sorted=False)
        return pad_packed_sequence(super().forward(packed)[0], total_length=values.size(0))[0]

    def takes_own_pass(self, values: Tensor) -> bool:
        return (
            values.device.type == "cpu"
            and values.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and torch.is_grad_enabled()
            and values.size(1) * self.hidden_size >= WORTH_A_LOOP
        )

    def own_pass(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        valid = None if lengths is None else valid_mask(lengths, values.size(0)).t()[..., None].to(values)
        outputs = [
            LSTMPass.apply(
                values,
                getattr(self, f"weight_ih_l0{end}"),
                getattr(self, f"weight_hh_l0{end}"),
                getattr(self, f"bias_ih_l0{end}") + getattr(self, f"bias_hh_l0{end}"),
                valid,
                bool(end),
                self.recompute,
            )
            for end in ("", "_reverse")
        ]
        return torch.cat(outputs, dim=2)


def squash(pre: Tensor) -> Tensor:
    """tanh in place, as 2 sigmoid(2x) - 1: PyTorch's sigmoid takes a sixth of the time of its tanh on CPUs."""
    return pre.mul_(2).sigmoid_().mul_(2).sub_(1)


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
    """One direction of an LSTM (Hochreiter and Schmidhuber 1997; gates in PyTorch's order i, f, g, o).

    The weights of g are doubled before the sigmoid, so that one call serves all four gates:
    g = tanh(x) = 2 sigmoid(2x) - 1.
    """

    @staticmethod
    def forward(ctx, values, weight_ih, weight_hh, bias, valid, reverse, recompute):
        """(L, N, D) -> (L, N, H); ``valid`` is (L, N, 1) with zeros at padding, or None."""
        gates = gates_of_inputs(values, weight_ih, bias)
        recurrent = by_gate(weight_hh).transpose(1, 2).contiguous()
        _, steps, rows, width = gates.shape
        hidden, cells = gates.new_empty(steps, rows, width), gates.new_empty(steps, rows, width)
        scratch, last = gates.new_empty(rows, width), None
        for step in reversed(range(steps)) if reverse else range(steps):
            cell = cells[step]
            if last is not None:
                gates[:, step].baddbmm_(hidden[last].expand(4, -1, -1), recurrent)
            i, f, g, o = gates[:, step].sigmoid_()
            torch.addcmul(i, i, g, value=-2, out=cell).neg_()  # i (2 g - 1)
            if last is not None:
                cell.addcmul_(f, cells[last])
            if valid is not None:
                cell.mul_(valid[step])
            torch.mul(o, squash(scratch.copy_(cell)), out=hidden[step])
            last = step
        ctx.reverse, ctx.valid, ctx.recompute = reverse, valid, recompute
        ctx.gates = None if recompute else gates
        ctx.save_for_backward(values, weight_ih, weight_hh, bias, hidden, cells)
        return hidden

    @staticmethod
    def shifted(ctx, gates: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The steps that have one before them, and the hidden states of that one."""
        return (gates[:, :-1], hidden[1:]) if ctx.reverse else (gates[:, 1:], hidden[:-1])

    @staticmethod
    def gates_again(ctx) -> Tensor:
        """All gates at once: the hidden states are known, so no step waits for another."""
        values, weight_ih, weight_hh, bias, hidden, _ = ctx.saved_tensors
        gates = gates_of_inputs(values, weight_ih, bias)
        for gate, matrix in zip(gates, by_gate(weight_hh)):
            later, before = LSTMPass.shifted(ctx, gate[None], hidden)
            later[0].flatten(0, 1).addmm_(before.flatten(0, 1), matrix.t())
        return gates.sigmoid_()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        values, weight_ih, weight_hh, _, hidden, cells = ctx.saved_tensors
        gates = LSTMPass.gates_again(ctx) if ctx.recompute else ctx.gates
        if gates is None:
            raise RuntimeError("the gates of this graph were used up by its first backward pass; set recompute.")
        ctx.gates = None
        _, steps, rows, width = gates.shape
        recurrent = weight_hh.unflatten(0, (4, width))
        upstream = gates.new_empty(4, rows, width)
        grad_hidden, grad_cell, scratch = gates.new_zeros(3, rows, width)
        order = list(range(steps) if ctx.reverse else reversed(range(steps)))
        for step, before in zip(order, [*order[1:], None]):
            i, f, g, o = gates[:, step]
            grad_hidden.add_(grad_output[step])
            squash(scratch.copy_(cells[step]))
            torch.mul(grad_hidden, scratch, out=upstream[3])
            grad_hidden.mul_(o)
            grad_cell.add_(scratch.mul_(scratch).neg_().add_(1).mul_(grad_hidden))
            if ctx.valid is not None:
                grad_cell.mul_(ctx.valid[step])
            torch.addcmul(grad_cell, grad_cell, g, value=-2, out=upstream[0]).neg_()
            torch.mul(grad_cell, i, out=upstream[2]).mul_(4)
            torch.mul(grad_cell, cells[before] if before is not None else 0, out=upstream[1])
            grad_cell.mul_(f)
            # The gradient of the pre-activations takes the place of the gates.
            gate = gates[:, step]
            torch.ops.aten.sigmoid_backward.grad_input(upstream, gate, grad_input=gate)
            torch.mm(gate[0], recurrent[0], out=grad_hidden)
            for part, matrix in zip(gate[1:], recurrent[1:]):
                grad_hidden.addmm_(part, matrix)
        grad_values, inputs = None, weight_ih.unflatten(0, (4, width))
        flat, flat_values = gates.flatten(1, 2), values.flatten(0, 1)
        if ctx.needs_input_grad[0]:
            grad_values = flat[0] @ inputs[0]
            for part, matrix in zip(flat[1:], inputs[1:]):
                grad_values.addmm_(part, matrix)
            grad_values = grad_values.view_as(values)
        later, before = LSTMPass.shifted(ctx, gates, hidden)
        grad_inputs = [part.t() @ flat_values for part in flat]
        grad_recurrent = [part.flatten(0, 1).t() @ before.flatten(0, 1) for part in later]
        grad_bias = flat.sum(dim=1).flatten()
        return grad_values, torch.cat(grad_inputs), torch.cat(grad_recurrent), grad_bias, None, None, None
