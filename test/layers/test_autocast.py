import torch

from espnet_tse.layers.autocast import as_autocast_computes


def test_lstms_compute_in_mixed_precision_on_any_cpu():
    torch.manual_seed(0)
    lstm, values = torch.nn.LSTM(8, 16, bidirectional=True), torch.randn(30, 2, 8)
    plain = lstm(values)[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = lstm(as_autocast_computes(values))[0]
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), plain, atol=2e-2, rtol=0)


def test_without_autocast_nothing_is_changed():
    values = torch.randn(3)
    assert as_autocast_computes(values) is values
