#!/usr/bin/env python3
"""Mask2Flow-TSE: one step against eight steps with guidance, mixture to waveform, random weights.

python3 benchmarks/flow.py [--size paper] [--seconds 10] [--repeats 3]
The speaker's vector is drawn: its encoder is frozen, another model, and runs once an enrollment.
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from espnet_tse.encoder.masked_mel import MaskedMel
from espnet_tse.flow.mel_flow import MelFlowDecode
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema import Request, TSEBatch
from espnet_tse.tasks.build import build_model

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
DECODINGS = {
    "one step": MelFlowDecode(),
    "eight steps, guidance 1.5": MelFlowDecode(steps=8, guidance=1.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="paper", choices=["nano", "mini", "small", "paper"])
    parser.add_argument("--seconds", type=float, default=10.0, help="of mixture")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(read_chain(CONF / f"mask2flow_{args.size}.yaml").content).eval()
    parts = {"mask network": model.encoder.network, "flow": model.lm}
    sizes = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    print(
        f"{args.size}: {', '.join(f'{name} {size:,}' for name, size in sizes.items())} parameters, one thread, fp32"
    )
    rate = model.sample_rate
    mixture = torch.randn(1, round(args.seconds * rate)) * 0.1
    length = torch.tensor([mixture.size(1)])
    batch = TSEBatch(mixture, length, mixture[:, :rate], torch.tensor([rate]), sample_rate=rate, keys=["a"])
    speaker = nn.functional.normalize(torch.randn(1, model.encoder.speaker_dim), dim=-1)
    times = {}
    with patch.object(MaskedMel, "speaker", lambda *_: speaker):
        for name, conf in DECODINGS.items():
            runs = []
            for _ in range(args.repeats if name == "one step" else 1):
                started = time.process_time()
                model.estimate(batch, Request(length, ["a"], conf))
                runs.append(time.process_time() - started)
            times[name] = min(runs)
            print(f"  {name}: {times[name]:.2f} CPU-s, RTF {times[name] / args.seconds:.3f}")
    first, second = times.values()
    print(f"  one step is {second / first:.1f} times as fast")


if __name__ == "__main__":
    main()
