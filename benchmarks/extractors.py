#!/usr/bin/env python3
"""Real-time factor and peak memory of every discriminative system on one core, random weights, fp32.

python3 benchmarks/extractors.py [--seconds 4] [--enrollment_s 4] [CONFIG.yaml ...]
Each system runs in a process of its own; the peak is that of the process, less what it held after building the model.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

import torch

from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema import DecodeConf, TSEBatch
from espnet_tse.tasks.build import build_model

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
PARTS = ("extractor", "speaker_encoder", "model")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path: Path, seconds: float, enrollment_s: float, results) -> None:
    """Put (parameters, CPU seconds, MiB) of one extraction on the queue."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options = read_chain(path).content
    parts = {name: options.get(name) for name in PARTS}
    blocks = {f"{name}_conf": options.get(f"{name}_conf") or {} for name in PARTS}
    model = build_model({**parts, **blocks}).eval()
    rate = model.sample_rate
    lengths = [torch.tensor([round(s * rate)]) for s in (seconds, enrollment_s)]
    mixture, enrollment = (0.1 * torch.randn(1, int(length)) for length in lengths)
    batch = TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=rate, keys=["a"])
    if options.get("speaker_encoder") == "given":
        batch.speaker_embedding = torch.randn(1, blocks["speaker_encoder_conf"]["output_dim"])
    short = TSEBatch(
        mixture[:, : rate // 2],
        lengths[0] * 0 + rate // 2,
        enrollment,
        lengths[1],
        sample_rate=rate,
        keys=["a"],
    )
    short.speaker_embedding = batch.speaker_embedding
    before = peak_mib()
    model.extract(short)  # kernels are chosen on the first call
    started = time.process_time()
    model.extract(batch, DecodeConf(max_chunk_s=max(seconds, 15.0)))
    cpu_s = time.process_time() - started
    results.put((sum(parameter.numel() for parameter in model.parameters()), cpu_s, peak_mib() - before))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="*", type=Path, help="default: all of the template")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the mixture")
    parser.add_argument("--enrollment_s", type=float, default=4.0)
    args = parser.parse_args()
    configs = args.configs or [
        p for p in sorted(CONF.glob("*.yaml")) if read_chain(p).content.get("model") == "discriminative"
    ]
    print(f"{args.seconds:g} s of mixture, {args.enrollment_s:g} s of enrollment, one thread")
    print("| config | parameters | CPU-s | RTF | peak memory MiB |\n|---|---:|---:|---:|---:|")
    context = multiprocessing.get_context("spawn")
    for path in configs:
        results = context.Queue()
        process = context.Process(target=measure, args=(path, args.seconds, args.enrollment_s, results))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{path}: the process ended with {process.exitcode}")
        parameters, cpu_s, mib = results.get()
        print(
            f"| {path.stem} | {parameters:,} | {cpu_s:.2f} | {cpu_s / args.seconds:.3f} | {mib:.0f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
