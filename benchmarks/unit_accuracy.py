#!/usr/bin/env python3
"""Accuracy of the semantic codes that GenTSE's first stage or UniSE predict, teacher-forced, free-running and with a
shuffled history.

python3 ../../../benchmarks/unit_accuracy.py exp/tse_gentse_mini_stage1 dump/raw/dev [--checkpoint latest.pth] [--rows 24]
In the folder of a recipe. Beside it the share of frames in which the mixture's own codes are the target's. UniSE is given
the target's global codes but where it runs free.
"""

import argparse
import sys
from pathlib import Path

import torch

from espnet_tse.codec.load import load_codec
from espnet_tse.io.audio import read_audio
from espnet_tse.io.command_line import run_command
from espnet_tse.io.scp import read_scp
from espnet_tse.models.gentse import GenTSE, GenTSESemantic
from espnet_tse.models.unise import UniSE, task_tokens
from espnet_tse.schema import Codes, Conditions, Request, Streams, TSEBatch
from espnet_tse.tasks.checkpoint import load_model, read_config


def read_row(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    signal = torch.from_numpy(read_audio(path)[0])[None]
    return signal, torch.tensor([signal.size(1)])


def likeliest(model, conditions: Conditions, batch: TSEBatch, truth: Streams, history: Codes) -> Codes:
    """The surest code of every frame, given ``history`` before it."""
    if not isinstance(model, UniSE):
        return model.semantic_lm.likeliest(conditions, Streams(), history)
    hidden = model.lm.hidden_states(conditions, task_tokens(batch), truth["global"], history)
    values = model.lm.span_logits(hidden).semantic.argmax(dim=2)
    return Codes(values[:, None], history.lengths, history.frame_rate)


def free_running(model, conditions: Conditions, batch: TSEBatch, request: Request) -> Codes:
    if isinstance(model, UniSE):
        return model.predict(conditions, batch, request).streams["semantic"]
    return model.semantic_lm.generate(conditions, request).streams["semantic"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="folder of a trained system")
    parser.add_argument("data_dir", type=Path, help="formatted TSE directory")
    parser.add_argument("--checkpoint", help="file name in the folder")
    parser.add_argument("--rows", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.model, args.checkpoint).eval()
    if not isinstance(model, (UniSE, GenTSESemantic, GenTSE)):
        parser.error(
            f"{args.model} is of {type(model).__name__}; name a system of model gentse_semantic, gentse or unise"
        )
    tokenizers = read_config(args.model)["tokenizers"]
    tokenizer = load_codec(tokenizers.get("semantic", tokenizers.get("acoustic")))
    lists = [read_scp(args.data_dir / f"{name}.scp") for name in ("wav", "enroll_spk1", "spk1")]
    hits, total = (
        dict.fromkeys(("teacher-forced", "free-running", "shuffled history", "codes of the mixture"), 0),
        0,
    )
    generator = torch.Generator().manual_seed(0)
    keys = list(lists[0])[: args.rows]
    for key in keys:
        (mixture, length), (enrollment, enrollment_length), (target, target_length) = (
            read_row(entries[key]) for entries in lists
        )
        batch = TSEBatch(
            mixture, length, enrollment, enrollment_length, sample_rate=model.sample_rate, keys=[key]
        )
        whole = tokenizer.tokenize(target, target_length)
        truth = whole["semantic"]
        shuffled = truth.values[:, :, torch.randperm(truth.values.size(2), generator=generator)]
        history = Codes(shuffled, truth.lengths, truth.frame_rate)
        with torch.no_grad():
            conditions, request = model.encoder(batch), Request(length, [key], model.Decode())
            found = {
                "teacher-forced": likeliest(model, conditions, batch, whole, truth),
                "free-running": free_running(model, conditions, batch, request),
                "shuffled history": likeliest(model, conditions, batch, whole, history),
                "codes of the mixture": tokenizer.tokenize(mixture, length)["semantic"],
            }
        total += truth.values.size(2)
        for name, codes in found.items():
            hits[name] += int((codes.values == truth.values).sum())
    print(f"{args.model}, {len(keys)} rows of {args.data_dir}, {total} codes:")
    for name, number in hits.items():
        print(f"  {name}: {number / total:.3f}")


if __name__ == "__main__":
    sys.exit(run_command("unit_accuracy", main))
