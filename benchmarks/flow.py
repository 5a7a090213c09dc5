#!/usr/bin/env python3
"""Flows of one step, mixture to waveform, random weights: how much of real time they take, and what more steps cost.

python3 benchmarks/flow.py [--system mask2flow] [--size paper] [--seconds 10] [--repeats 3]
python3 benchmarks/flow.py --system flow_tse_ad --size mini
The speaker's vector is drawn: its encoder runs once an enrollment.
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn

from espnet_tse.flow.mel_flow import MelFlowDecode
from espnet_tse.flow.spectral_flow import SpectralFlowDecode
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema import DecodeConf, Request, TSEBatch
from espnet_tse.tasks.build import build_model

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
ONE_STEP = "one step"
OF_SPECTRA = {ONE_STEP: SpectralFlowDecode(), "four steps": SpectralFlowDecode(steps=4)}
DECODINGS: dict[str, dict[str, DecodeConf]] = {
    "mask2flow": {
        ONE_STEP: MelFlowDecode(),
        "eight steps, guidance 1.5": MelFlowDecode(steps=8, guidance=1.5),
    },
    **{f"flow_tse_{name}": OF_SPECTRA for name in ("ad", "mean", "alpha")},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--system", default="mask2flow", choices=sorted(DECODINGS))
    parser.add_argument("--size", default="paper", choices=["nano", "mini", "small", "paper"])
    parser.add_argument("--seconds", type=float, default=10.0, help="of mixture")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(read_chain(CONF / f"{args.system}_{args.size}.yaml").content).eval()
    parts = {"speaker encoder": model.encoder.speaker_encoder, "flow": model.lm}
    if args.system == "mask2flow":
        parts = {"mask network": model.encoder.network, "flow": model.lm}
    sizes = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    print(f"{args.system} {args.size}: {listed} parameters, one thread, fp32")
    rate = model.sample_rate
    mixture = torch.randn(1, round(args.seconds * rate)) * 0.1
    length = torch.tensor([mixture.size(1)])
    batch = TSEBatch(mixture, length, mixture[:, :rate], torch.tensor([rate]), sample_rate=rate, keys=["a"])
    speaker = nn.functional.normalize(torch.randn(1, model.encoder.speaker_dim), dim=-1)

    def seconds(conf: DecodeConf, repeats: int) -> float:
        return min(cpu_seconds(model, batch, Request(length, ["a"], conf), speaker) for _ in range(repeats))

    decodings = DECODINGS[args.system]
    times = {name: seconds(conf, args.repeats if name == ONE_STEP else 1) for name, conf in decodings.items()}
    for name, taken in times.items():
        print(f"  {name}: {taken:.2f} CPU-s, RTF {taken / args.seconds:.4f}")
    first, second = times.values()
    print(f"  one step is {second / first:.1f} times as fast")


def cpu_seconds(model, batch: TSEBatch, request: Request, speaker: Tensor) -> float:
    """Of one estimate whose speaker is known."""
    with patch.object(type(model.encoder), "speaker", lambda *_: speaker):
        started = time.process_time()
        model.estimate(batch, request)
        return time.process_time() - started


if __name__ == "__main__":
    main()
