"""The P.835 networks of DNSMOS on overlapping windows, their convolutions computed once a file.

Four 3 x 3 convolutions at full resolution are 97 % of the operations. As they pad with zeros, all but four frames at either
end of a window are the same in the window before. So the ONNX file is cut behind the pooling that follows them: the part in
front runs on new frames and on the ends, the part behind on every window.
"""

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Iterator

import numpy as np

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.onnx_session import open_session

if TYPE_CHECKING:
    import onnx

FRAME, HOP = 320, 160  # samples, 20 and 10 ms
STEP = 100  # frames from the start of a window to that of the next
REACH = 4  # frames at either end of a window that its padding changes, one a convolution
POOL = 2  # frames that become one
# Of the two networks in speechmos 0.0.1.1, which differ in their weights alone.
GRAPH_SHA256 = "d0c4d35cfc6cf522aefdc32d5b2f3bcb687b499b85f6174eb69208508b03d9d2"

log = logging.getLogger("espnet_tse.scoring")


def open_network(path: Path) -> "SharedNetwork | WholeNetwork":
    """The network of a file; one with another graph than the known one is slower and warned about.

    Raises:
        DataError: no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path)
    except DecodeError:
        raise DataError(f"{path}: no ONNX file; copy it again, or install speechmos again.") from None
    if graph_sha256(model.graph) == GRAPH_SHA256:
        return SharedNetwork(model)
    log.warning(
        "%s: its graph is not that of speechmos 0.0.1.1; every window is computed whole, which takes longer",
        path,
    )
    return WholeNetwork(path)


def graph_sha256(graph: "onnx.GraphProto") -> str:
    """sha256 of the nodes and of their integer constants, that is of everything but the weights."""
    import onnx

    integers = (tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT64)
    parts = (part.SerializeToString(deterministic=True) for part in (*graph.node, *integers))
    return hashlib.sha256(b"".join(parts)).hexdigest()


class WholeNetwork:
    """Each window for itself."""

    def __init__(self, path: Path):
        self.session = open_session(path)

    def __call__(self, windows: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """(SIG, BAK, OVRL) before the polynomials of each window, (144160,) float32."""
        for window in windows:
            yield self.session.run(None, {"input_1": window[None]})[0][0]


class SharedNetwork:
    """Windows of one signal, each ``STEP`` frames after the one before."""

    def __init__(self, model: "onnx.ModelProto"):
        operators = [node.op_type for node in model.graph.node]
        framed, pooled = operators.index("Concat") + 1, operators.index("MaxPool") + 1
        self.front = _Part(model, framed, pooled, [1, "T", FRAME])
        self.back = _Part(model, pooled, len(operators), [1, "C", "T", "F"])

    def __call__(self, windows: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """(SIG, BAK, OVRL) before the polynomials of each window, (144160,) float32."""
        maps = None
        for window in windows:
            frames = np.lib.stride_tricks.sliding_window_view(window, FRAME)[::HOP]  # (T, FRAME)
            maps = self.front(frames[None]) if maps is None else self._moved(maps, frames)
            yield self.back(maps)[0]

    def _moved(self, maps: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Pooled maps (1, C, T // POOL, F) of ``frames`` from those of the window before."""
        edge = REACH // POOL
        start = self.front(frames[None, : 2 * REACH])[:, :, :edge]
        shared = maps[:, :, STEP // POOL + edge : -edge]
        # What is new to these frames: STEP of them, and as many before them as the padding of either window reaches.
        end = self.front(frames[None, -(STEP + 2 * REACH) :])[:, :, edge:]
        return np.concatenate([start, shared, end], axis=2)


class _Part:
    """Nodes ``start`` to ``stop`` of a network, which take one input and give one output."""

    def __init__(self, model: "onnx.ModelProto", start: int, stop: int, input_shape: list[int | str]):
        from onnx import TensorProto, helper

        nodes = model.graph.node[start:stop]
        self.input = nodes[0].input[0]
        graph = helper.make_graph(
            nodes,
            "part",
            [helper.make_tensor_value_info(self.input, TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
            model.graph.initializer,
        )
        part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        self.session = open_session(part.SerializeToString())

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input: values})[0]
