import numpy as np
import onnx
import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.dnsmos import split_windows
from espnet_tse.scoring.measure.dnsmos_network import SharedNetwork, WholeNetwork, open_network
from espnet_tse.scoring.measure.weights import find_weight


@pytest.fixture(scope="module")
def windows(speech):
    """Three of 12.5 s: speech, digital silence across the start of a window, and speech again."""
    samples = np.tile(speech, 3)[:200_000]
    samples[20_000:100_000] = 0
    return split_windows(samples)


@pytest.mark.parametrize("name", ["dnsmos_primary", "pdnsmos"])
def test_shared_convolutions_give_the_values_of_whole_windows(name, windows):
    network = open_network(find_weight(name))
    assert isinstance(network, SharedNetwork)
    shared, whole = list(network(windows)), list(WholeNetwork(find_weight(name))(windows))
    assert len(shared) == 3
    np.testing.assert_allclose(shared, whole, rtol=0, atol=1e-5)
    assert np.ptp(whole, axis=0).min() > 1e-3  # the windows differ, so none stands for another


def test_another_graph_is_computed_window_by_window_and_named(windows, tmp_path, caplog):
    model = onnx.load(find_weight("pdnsmos"))
    wide = next(node for node in model.graph.node if node.op_type == "MaxPool")
    next(attribute for attribute in wide.attribute if attribute.name == "strides").ints[:] = [4, 4]
    onnx.save(model, tmp_path / "other.onnx")
    network = open_network(tmp_path / "other.onnx")
    assert isinstance(network, WholeNetwork)
    assert f"{tmp_path}/other.onnx: its graph is not that of speechmos 0.0.1.1" in caplog.text
    assert next(network(windows)).shape == (3,)


def test_a_file_cut_short_is_named(tmp_path):
    whole = find_weight("pdnsmos").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut.onnx: no ONNX file"):
        open_network(tmp_path / "cut.onnx")
