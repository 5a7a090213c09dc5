"""Which precision --use_amp computes in."""

import pytest
import torch

from espnet_tse.train.training import autocast_type


@pytest.mark.parametrize("supported, wanted", [(True, torch.bfloat16), (False, None)])
def test_processors_without_bfloat16_compute_in_float32_and_say_so(monkeypatch, caplog, supported, wanted):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    assert autocast_type("cpu") == wanted
    assert ("no kernels for bfloat16" in caplog.text) == (not supported)
