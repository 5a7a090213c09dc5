"""A discriminative system -> ONNX files that onnxruntime runs without PyTorch.

Complex spectra stay in the graph: the exporter writes real pairs for them, transforms as the operator DFT. What extraction does around
the network stays outside, for it decides by the content: offsets, long pauses of enrollments, long recordings, the level
(doc/decoding.md).
"""

import json
import logging
import math
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor
from espnet_tse.extractor.exported import INSTALL, METADATA, ExportedExtractor, enroll_file
from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.models.graphs import EnrollGraph, StepGraph, WholeGraph
from espnet_tse.schema import TSEBatch
from espnet_tse.tasks.checkpoint import load_model

TRACED_S = (2.3, 3.1)  # of mixture and enrollment; any length runs
CHECKED_S = (1.7, 2.6)
LARGEST_DB = -60.0  # difference from PyTorch, relative to the estimate
STREAM, WHOLE = "stream", "whole"


def export_system(
    place: str, output: Path, checkpoint: str | None = None, whole: bool = False, chunk_s: float = 0.008
) -> list[Path]:
    """Write ``output``, and of a causal system the file that enrolls beside it, once they compare well with PyTorch.

    Args:
        place: ``exp/tse_...``, a packed archive or a hub id.
        output: ``.onnx``.
        checkpoint: file name in the folder.
        whole: a causal system, too, as one file that takes whole mixtures.
        chunk_s: seconds of a stream's chunk, rounded to whole hops.
    Returns:
        the files.
    Raises:
        DataError: no discriminative system, one that takes given embeddings, the extra is not installed, or the file
            would not do what the system does.
    """
    require_exporter()
    if output.suffix != ".onnx":
        raise DataError(f"{output}: want a file name that ends in .onnx.")
    model = load_model(place, checkpoint)
    extractor = exportable(model, place)
    # What it has learned decides about the level of its estimates, the rest about the passes.
    about = {
        "sample_rate": extractor.sample_rate,
        "system": str(place),
        "losses": model.config.losses,
        "speeds": model.config.speeds,
        "against_rest": model.config.against_rest,
    }
    logging.info(f"tracing {type(extractor).__name__}; one of many layers takes minutes")
    output.parent.mkdir(parents=True, exist_ok=True)
    # Named as they are to be, in a folder of their own: an export of before stays until this one is known to be right.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as place:
        new = Path(place) / output.name
        if whole or not extractor.causal:
            inputs = tuple(noise(seconds, extractor.sample_rate) for seconds in TRACED_S)
            write_graph(WholeGraph(extractor), inputs, (1, 1), new, {"kind": WHOLE, **about})
            files = [new]
        else:
            files = export_stream(extractor, new, chunk_s, about)
        difference = checked_difference(extractor, new)
        files = [file.replace(output.parent / file.name) for file in files]
    logging.info(f"{', '.join(map(str, files))}: {difference:.0f} dB from PyTorch")
    return files


def require_exporter() -> None:
    """Raise DataError unless the packages of the extra are there."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DataError(f"export needs {error.name}: {INSTALL}") from None


def exportable(model: nn.Module, place: str) -> AbsExtractor:
    """The extractor of a system.

    Raises:
        DataError: it has none, or none whose input is audio alone.
    """
    if not isinstance(model, Discriminative):
        raise DataError(
            f"{place}: a {type(model).__name__}, whose extraction is no single pass of a network; systems of model: "
            "discriminative can be exported."
        )
    extractor = model.extractor
    if isinstance(extractor, ExportedExtractor):
        raise DataError(f"{place}: is an exported system already.")
    if getattr(extractor, "speaker_encoder", None) is not None and not list(
        extractor.speaker_encoder.parameters()
    ):
        raise DataError(
            f"{place}: takes embeddings of another model (speaker_encoder: given); only systems that hear the enrollment "
            "themselves can be exported."
        )
    return extractor


def export_stream(extractor: AbsExtractor, output: Path, chunk_s: float, about: dict[str, Any]) -> list[Path]:
    """Both files of a causal system."""
    chunk = chunk_of(extractor, chunk_s)
    enrollment = noise(TRACED_S[1], extractor.sample_rate)
    enroller = EnrollGraph(extractor)
    with torch.no_grad():
        cue = enroller(enrollment)
    step = StepGraph(extractor, cue, chunk)
    about = {"kind": STREAM, **about, "chunk": chunk, "delay": extractor.delay}
    write_graph(enroller, (enrollment,), (1,), enroll_file(output), {**about, "kind": "enroll"})
    inputs = (noise(chunk / extractor.sample_rate, extractor.sample_rate), cue, *step.states)
    write_graph(step, inputs, (None,) * len(inputs), output, about)
    return [output, enroll_file(output)]


def chunk_of(extractor: AbsExtractor, chunk_s: float) -> int:
    """Samples of a chunk, whole hops.

    Raises:
        DataError: no length.
    """
    if not math.isfinite(chunk_s) or chunk_s <= 0:
        raise DataError(f"--chunk_s is {chunk_s}, want seconds above 0.")
    hop = extractor.hop_length
    return hop * max(1, round(chunk_s * extractor.sample_rate / hop))


def noise(seconds: float, sample_rate: int) -> Tensor:
    """(1, N) with a seed of its own."""
    return 0.1 * torch.randn(1, round(seconds * sample_rate), generator=torch.Generator().manual_seed(0))


def write_graph(
    graph: nn.Module, inputs: Sequence[Tensor], free: Sequence[int | None], path: Path, about: dict[str, Any]
) -> None:
    """Export one function and write it with what is to be known about it.

    Args:
        inputs: examples.
        free: the dimension of each that may have any length, None where all are fixed.
    Raises:
        DataError: PyTorch's exporter cannot follow it.
    """
    shapes = tuple({} if dim is None else {dim: torch.export.Dim.DYNAMIC} for dim in free)
    try:
        with torch.no_grad(), quiet():
            program = torch.onnx.export(
                graph.eval(),
                tuple(inputs),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=(shapes if not isinstance(graph, StepGraph) else (*shapes[:2], shapes[2:])),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter has a class for each of its steps
        raise DataError(
            f"{type(graph.extractor).__name__} cannot be exported by PyTorch {torch.__version__}: {error}"
        ) from error
    proto = program.model_proto
    proto.metadata_props.add(key=METADATA, value=json.dumps(about))
    with atomic_write(path, "wb") as file:
        file.write(proto.SerializeToString())


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter's remarks on its own passes are not for its users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before):
            logger.setLevel(level)


def checked_difference(extractor: AbsExtractor, exported: Path) -> float:
    """How far the exported files are from what PyTorch gives for signals of other lengths, in dB.

    Raises:
        DataError: further than ``LARGEST_DB``.
    """
    mixture, enrollment = (noise(seconds, extractor.sample_rate) for seconds in CHECKED_S)
    lengths = [torch.tensor([signal.size(1)]) for signal in (mixture, enrollment)]
    batch = TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=extractor.sample_rate)
    with torch.no_grad():
        wanted, found = extractor(batch).waveform, ExportedExtractor(exported)(batch).waveform
    difference = 20 * torch.log10((found - wanted).norm() / wanted.norm().clamp_min(1e-12) + 1e-12).item()
    if not difference <= LARGEST_DB:
        raise DataError(
            f"{exported.name}: differs from PyTorch by {difference:.1f} dB, more than {LARGEST_DB:.0f} dB are allowed; it was "
            "not kept. Another version of PyTorch or onnxruntime may do better."
        )
    return difference
