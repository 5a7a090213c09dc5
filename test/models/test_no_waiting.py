"""A training pass of LauraTSE on a GPU reads nothing back: the host would wait for it in every pass.

Of PyTorch's fake tensors the shapes are known and the values are not, so whatever asks for a value fails; no GPU
is needed.
"""

import pytest
import torch
from factories import make_batch, nano_laura_tse
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

NAMES = {"mixture": "speech_mix", "enrollment": "enroll_ref1", "target": "speech_ref1"}


def fake(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda")


def move_to_fake_gpu(model: torch.nn.Module) -> None:
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = torch.nn.Parameter(fake(weight), weight.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = fake(buffer)


def inputs(model) -> dict:
    batch = make_batch([0.5, 0.3], [0.3, 0.2], model.codec)
    data = {ours: getattr(batch, name) for name, ours in NAMES.items()}
    data |= {"speech_mix_lengths": batch.mixture_lengths, "enroll_ref1_lengths": batch.enrollment_lengths}
    codes = batch.targets["acoustic"]
    return {**data, "target_acoustic": codes.values, "target_acoustic_lengths": codes.lengths}


@pytest.mark.filterwarnings("ignore:CUDA is not available")
@pytest.mark.parametrize("truth_share", [0.5, 1.0])
def test_a_training_pass_reads_nothing_back(truth_share):
    model = nano_laura_tse(truth_share=truth_share).train()
    data, rate = inputs(model), Rate(model.codec.frame_rate)
    with FakeTensorMode():
        move_to_fake_gpu(model)
        data = {name: fake(tensor) for name, tensor in data.items()}
        loss, stats, weight = model(**data, target_acoustic_rate=rate)
    assert {value.device.type for value in (loss, weight, *stats.values())} == {"cuda"}


def test_a_value_that_is_read_is_noticed():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        int(torch.zeros(2, device="cuda").max())


class Rate(float):
    """What training leaves on the host, ``ON_THE_HOST`` of train/update.py."""

    def flatten(self) -> list[float]:
        return [float(self)]
