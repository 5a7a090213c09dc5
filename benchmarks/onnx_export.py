#!/usr/bin/env python3
"""Exported systems beside PyTorch on the rows of a test set: SI-SDR, its largest difference, RTF on one core, size of the files.

python3 benchmarks/onnx_export.py --data egs2/mini_espeak/tse1/dump/raw/test [--rows 48] SYSTEM ...
SYSTEM is a trained system (folder, archive, hub id), "shipped", or a YAML, which gets random weights. Causal systems are run as
streams, chunk by chunk, by both.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from espnet_tse import Extractor
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import read_scp
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.tasks import exporting
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.shipped import BASE

PARTS = ("extractor", "speaker_encoder", "model")


def opened(name: str) -> Discriminative:
    """A system, of a YAML with random weights."""
    if not name.endswith(".yaml"):
        return load_model(BASE if name == "shipped" else name)
    torch.manual_seed(0)
    options = read_chain(Path(name)).content
    blocks = {f"{part}_conf": options.get(f"{part}_conf") or {} for part in PARTS}
    return build_model({**{part: options.get(part) for part in PARTS}, **blocks}).eval()


def si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    """dB, in float64 (Le Roux et al. 2019)."""
    estimate, target = estimate.astype(np.float64), target.astype(np.float64)
    scaled = (estimate @ target) / (target @ target) * target
    return float(10 * np.log10((scaled @ scaled) / ((estimate - scaled) @ (estimate - scaled))))


def run(extractor: Extractor, mixture: np.ndarray, enrollment: np.ndarray, chunk: int | None) -> np.ndarray:
    if chunk is None:
        return extractor(mixture, enrollment, extractor.sample_rate)
    stream = extractor.stream(enrollment, extractor.sample_rate)
    parts = [stream.push(mixture[start : start + chunk]) for start in range(0, len(mixture), chunk)]
    return np.concatenate([*parts, stream.flush()])


def measure(name: str, data: Path, rows: int) -> None:
    model = opened(name)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(
        exporting, "load_model", lambda *_: model
    ):
        files = exporting.export_system(name, Path(folder) / "system.onnx")
        size = sum(file.stat().st_size for file in files) / 1e6
        sides = [Extractor(model), Extractor(load_model(files[0]))]
    exported = sides[1].model.extractor
    chunk = exported.hop_length if exported.causal else None
    scps = [read_scp(data / f"{kind}.scp") for kind in ("wav", "enroll_spk1", "spk1")]
    seconds, audio, scores = np.zeros(2), 0.0, []
    for key in itertools.islice(scps[0], rows):
        mixture, enrollment, target = (read_audio(scp[key], exported.sample_rate)[0] for scp in scps)
        audio += len(mixture) / exported.sample_rate
        row = []
        for side, extractor in enumerate(sides):
            started = time.process_time()
            row.append(si_sdr(run(extractor, mixture, enrollment, chunk), target))
            seconds[side] += time.process_time() - started
        scores.append(row)
    means, largest = np.mean(scores, axis=0), np.abs(np.subtract(*np.transpose(scores))).max()
    kind = "whole" if chunk is None else f"stream, {1000 * chunk / exported.sample_rate:g} ms"
    torch_rtf, onnx_rtf = seconds / audio
    print(
        f"| {Path(name).stem} | {kind} | {means[0]:.3f} | {means[1]:.3f} | {largest:.1e} | {torch_rtf:.3f} | {onnx_rtf:.3f} "
        f"| {size:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="+")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with wav.scp, enroll_spk1.scp, spk1.scp"
    )
    parser.add_argument("--rows", type=int, default=48)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| system | run as | SI-SDR | exported | largest difference, dB | RTF PyTorch | RTF onnxruntime | MB |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in args.systems:
        measure(name, args.data, args.rows)


if __name__ == "__main__":
    main()
