#!/usr/bin/env python3
"""AR decoding of LauraTSE with random weights: the key-value cache against recomputing every step.

python3 benchmarks/decoding.py [--size small] [--batch 8] [--seconds 4] [--uncached_frames 10]
The uncached loop is timed over the first frames only and scaled to all of them. Later frames cost more, so
its figure is a lower bound.
"""

import argparse
import time
from pathlib import Path

import torch
import yaml

from espnet_tse.lm.decoder_only import CachedDecoder, UncachedDecoder
from espnet_tse.schema import CodecSpec, DecodeConf, TSEBatch
from espnet_tse.tasks.choices import encoder_choices, frontend_choices, lm_choices

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"


def build(size: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Encoder and language model of a YAML, random weights, FunCodec's tables drawn at random."""
    config = yaml.safe_load((CONF / f"laura_tse_{size}.yaml").read_text(encoding="utf-8"))
    spec = CodecSpec(16000, 640, 32, 1024, 128)
    tables = torch.randn(2, spec.codebook_size, spec.embedding_dim)
    frontend = frontend_choices.build(config["frontend"], config["frontend_conf"], codec=None)
    encoder = encoder_choices.build(
        config["encoder"], config["encoder_conf"], frontend=frontend, output_dim=spec.embedding_dim
    )
    lm = lm_choices.build(config["lm"], config["lm_conf"], codebooks=tables, spec=spec)
    return encoder.eval(), lm.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small", choices=["small", "paper"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of mixture; the enrollment has 5")
    parser.add_argument("--uncached_frames", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    encoder, lm = build(args.size)
    samples, frames = int(16000 * args.seconds), int(25 * args.seconds)
    batch = TSEBatch(
        torch.randn(args.batch, samples),
        torch.full((args.batch,), samples),
        torch.randn(args.batch, 80000),
        torch.full((args.batch,), 80000),
        16000,
    )
    with torch.no_grad():
        conditions = encoder(batch)
        started = time.process_time()
        lm.generate(conditions, torch.full((args.batch,), frames), DecodeConf(), [str(i) for i in range(args.batch)])
        cached = time.process_time() - started
        prefix, added = lm.prefix(conditions), lm.added_conditions(conditions, frames + 1)
        first = {}
        for decoder_class in (CachedDecoder, UncachedDecoder):
            decoder, newest, tokens = decoder_class(lm, prefix, added, frames), None, []
            started = time.process_time()
            for _ in range(args.uncached_frames):
                tokens.append(decoder.step(newest)[..., : lm.end_token].argmax(-1))
                newest = lm.embed(tokens[-1][..., None])
            first[decoder_class] = (time.process_time() - started, torch.stack(tokens))
    uncached = first[UncachedDecoder][0] / args.uncached_frames * frames
    audio = args.batch * args.seconds
    same = torch.equal(first[CachedDecoder][1], first[UncachedDecoder][1])
    print(f"{args.size}, {args.batch} rows x {args.seconds} s, one thread, CPU seconds")
    print(f"cached    {cached:8.2f} s   RTF {cached / audio:.3f}")
    print(f"uncached  {uncached:8.2f} s   RTF {uncached / audio:.3f}   (at least)")
    print(f"ratio {uncached / cached:.1f}; first {args.uncached_frames} frames equal: {same}")


if __name__ == "__main__":
    main()
