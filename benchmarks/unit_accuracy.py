#!/usr/bin/env python3
"""Accuracy of the units that the first stage of GenTSE predicts, teacher-forced, free-running and with a shuffled history.

python3 benchmarks/unit_accuracy.py exp/tse_gentse_mini_stage1 dump/raw/dev [--checkpoint latest.pth] [--rows 24]
In the folder of a recipe. Beside it the share of frames in which the mixture's own units are the target's.
"""

import argparse
from pathlib import Path

import torch

from espnet_tse.codec.load import load_codec
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import read_scp
from espnet_tse.models.gentse import GenTSEDecode
from espnet_tse.schema import Codes, Request, Streams, TSEBatch
from espnet_tse.tasks.checkpoint import load_model, read_config


def read_row(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    signal = torch.from_numpy(read_audio(path)[0])[None]
    return signal, torch.tensor([signal.size(1)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="folder of a trained system with semantic_lm")
    parser.add_argument("data_dir", type=Path, help="formatted TSE directory")
    parser.add_argument("--checkpoint", help="file name in the folder")
    parser.add_argument("--rows", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.model, args.checkpoint).eval()
    units = load_codec(read_config(args.model)["tokenizers"]["semantic"])
    lists = [read_scp(args.data_dir / f"{name}.scp") for name in ("wav", "enroll_spk1", "spk1")]
    hits, total = (
        dict.fromkeys(("teacher-forced", "free-running", "shuffled history", "units of the mixture"), 0),
        0,
    )
    generator = torch.Generator().manual_seed(0)
    for key in list(lists[0])[: args.rows]:
        (mixture, length), (enrollment, enrollment_length), (target, target_length) = (
            read_row(entries[key]) for entries in lists
        )
        batch = TSEBatch(
            mixture, length, enrollment, enrollment_length, sample_rate=model.sample_rate, keys=[key]
        )
        truth = units.tokenize(target, target_length)["semantic"]
        shuffled = truth.values[:, :, torch.randperm(truth.values.size(2), generator=generator)]
        history = Codes(shuffled, truth.lengths, truth.frame_rate)
        with torch.no_grad():
            conditions, request = model.encoder(batch), Request(length, [key], GenTSEDecode())
            found = {
                "teacher-forced": model.semantic_lm.likeliest(conditions, Streams(), truth),
                "free-running": model.semantic_lm.generate(conditions, request).streams["semantic"],
                "shuffled history": model.semantic_lm.likeliest(conditions, Streams(), history),
                "units of the mixture": units.tokenize(mixture, length)["semantic"],
            }
        total += truth.values.size(2)
        for name, codes in found.items():
            hits[name] += int((codes.values == truth.values).sum())
    print(f"{args.model}, {args.rows} rows of {args.data_dir}, {total} units:")
    for name, number in hits.items():
        print(f"  {name}: {number / total:.3f}")


if __name__ == "__main__":
    main()
