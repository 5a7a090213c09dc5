"""ONNX networks on one CPU thread."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime


def open_session(model: Path | bytes) -> "onnxruntime.InferenceSession":
    """A CPU session of a file or of its content, with one thread; the default takes five times as long on a busy machine."""
    import onnxruntime

    # Its warnings concern caches and devices that a CPU session does not use.
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
