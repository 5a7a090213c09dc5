"""An exported extractor, run by onnxruntime: the same contract, so that it is decoded and scored like any other."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.io.scp import DataError
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema import TSEBatch

METADATA = "espnet_tse"  # key of a JSON object in the file: kind, sample_rate, and of streams chunk, delay
INSTALL = "pip install -e '.[export]'"


def enroll_file(path: Path) -> Path:
    """Where the enrollment's half of a stream lies: ``x.onnx`` -> ``x_enroll.onnx``."""
    return path.with_name(f"{path.stem}_enroll.onnx")


def open_session(path: Path, threads: int = 0):
    """An onnxruntime session on processors.

    Args:
        threads: 0 for as many as there are processors.
    Raises:
        DataError: no onnxruntime, no such file, or nothing that it can run.
    """
    try:
        import onnxruntime
    except ImportError:
        raise DataError(f"{path}: exported systems are run by onnxruntime: {INSTALL}") from None
    if not path.is_file():
        raise DataError(f"{path}: no such file; export the system again.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each kind of fault
        raise DataError(f"{path}: no ONNX file that can be run: {error}") from error


class ExportedExtractor(AbsExtractor):
    """The files of ``espnet-tse export``: a whole system, or a stream and the half that enrolls."""

    def __init__(self, path: Path):
        """
        Raises:
            DataError: a file is missing, cannot be run, or was not written by ``espnet-tse export``.
        """
        super().__init__()
        threads = torch.get_num_threads()
        self.path, self.session = path, open_session(path, threads)
        try:
            self.about = json.loads(self.session.get_modelmeta().custom_metadata_map[METADATA])
            self.kind, self.sample_rate = self.about["kind"], int(self.about["sample_rate"])
        except (KeyError, ValueError) as error:
            raise DataError(f"{path}: no file of espnet-tse export ({error!r}); export the system.") from None
        self.causal = self.kind == "stream"
        if self.causal:
            self.enroller = open_session(enroll_file(path), threads)
        # What asks on which device a system is asks its parameters.
        self.nothing = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, batch: TSEBatch) -> Extraction:
        """Estimates of a batch, a row after the other."""
        if batch.speaker_embedding is not None:
            raise DataError(f"{self.path}: takes enrollments and no embeddings; leave these out.")
        waveform = torch.zeros_like(batch.mixture)
        for row, (length, enrolled) in enumerate(zip(batch.mixture_lengths, batch.enrollment_lengths)):
            mixture, enrollment = (
                batch.mixture[row : row + 1, :length],
                batch.enrollment[row : row + 1, :enrolled],
            )
            if self.causal:
                cue = self.enroll(enrollment, enrolled[None])
                waveform[row, :length] = self.separate(mixture, None, cue).waveform[0]
            else:
                feeds = {"mixture": array(mixture), "enrollment": array(enrollment)}
                waveform[row, :length] = torch.from_numpy(self.session.run(None, feeds)[0][0])
        return Extraction(waveform)

    def enroll(self, waveform: Tensor, lengths: Tensor) -> Cue:
        """The cue of one enrollment, of a stream."""
        return self.encode_enrollment(waveform[:, : int(lengths[0])], None)

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        return Cue(torch.from_numpy(self.enroller.run(None, {"enrollment": array(waveform)})[0]))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        """One row; with a state N is a multiple of ``hop_length``, the chunk that was exported."""
        if state is not None:
            return Extraction(self.run_chunks(mixture, cue, state))
        num_samples = mixture.size(1)
        padding = self.delay + -(num_samples + self.delay) % self.hop_length
        estimate = self.run_chunks(F.pad(mixture, (0, padding)), cue, StreamState())
        return Extraction(estimate[:, self.delay : self.delay + num_samples])

    def run_chunks(self, mixture: Tensor, cue: Cue, state: StreamState) -> Tensor:
        """(1, k * chunk) -> as many samples, ``delay`` late."""
        states = state.get(self) or [
            np.zeros(put.shape, np.float32)
            for put in self.session.get_inputs()
            if put.name.startswith("state")
        ]
        parts = []
        for chunk in array(mixture).reshape(-1, 1, self.hop_length):
            named = {f"state{number}": kept for number, kept in enumerate(states)}
            part, *states = self.session.run(None, {"mixture": chunk, "cue": array(cue.values), **named})
            parts.append(part)
        state[self] = states
        return torch.from_numpy(np.concatenate(parts, axis=1))

    @property
    def hop_length(self) -> int:
        return int(self.about["chunk"]) if self.causal else super().hop_length

    @property
    def delay(self) -> int:
        return int(self.about["delay"]) if self.causal else super().delay


def array(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.cpu().numpy(), dtype=np.float32)
