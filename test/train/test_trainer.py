"""Activation checkpointing and compilation change memory and time, not gradients."""

from types import SimpleNamespace

import pytest
import torch
from factories import make_batch, nano_laura_tse

from espnet_tse.train.trainer import prepare_transformers


def gradients(**options) -> dict[str, torch.Tensor]:
    model = nano_laura_tse(truth_share=0.5).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.2  # what is computed again must be dropped again
    prepare_transformers(
        model, SimpleNamespace(**{"activation_checkpointing": False, "compile_backend": None, **options})
    )
    torch.manual_seed(1)
    loss, _ = model.loss(make_batch([0.5, 0.3], [0.3, 0.2], model.codec))
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("options", [{"activation_checkpointing": True}, {"compile_backend": "eager"}])
def test_gradients_are_the_same(options):
    torch.testing.assert_close(gradients(**options), gradients(), atol=1e-6, rtol=1e-4)


def test_activation_checkpointing_keeps_less():
    def kept(**options) -> int:
        sizes = []

        def pack(tensor):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model = nano_laura_tse().train()
            prepare_transformers(model, SimpleNamespace(compile_backend=None, **options))
            model.loss(make_batch([0.5], [0.3], model.codec))
        return sum(sizes)

    assert kept(activation_checkpointing=True) < 0.5 * kept(activation_checkpointing=False)
