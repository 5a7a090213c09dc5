"""Names of devices."""

import pytest
import torch

from espnet_tse.io.scp import DataError
from espnet_tse.layers.device import check_device


@pytest.mark.parametrize(
    "name", ["gpu", "", "CPU", "cpu:0", "mps", "meta", "xpu", "cuda:", "cuda:x", "cuda:-1", "cuda:01"]
)
def test_other_names_than_those_of_processors_and_gpus_are_refused(name):
    with pytest.raises(
        DataError, match=f"device {name}: no such device; want cpu, cuda, or cuda:N for GPU N"
    ):
        check_device(name)


def test_gpus_are_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:0", "cuda:1", torch.device("cpu")):
        check_device(name)
    for name in ("cuda:2", "cuda:258"):
        with pytest.raises(DataError, match=f"device {name}: PyTorch sees 2 GPUs"):
            check_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match="device cuda: PyTorch .* sees no GPU"):
        check_device("cuda")
