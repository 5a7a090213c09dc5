#!/usr/bin/env python3
"""AR decoding of LauraTSE with random weights: ours against the plain loop that recomputes every step.

python3 benchmarks/decoding.py [--size paper] [--batch 1 8] [--seconds 10] [--plain_frames 5]
The plain loop decodes one mixture at a time, as published inference scripts do. It is timed at evenly spaced frames from
the first to the last, and the time of all is the trapezoid rule's; at these frames its tokens are compared with ours.
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import torch

from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.layers import attention
from espnet_tse.layers.transformer import prefix_mask
from espnet_tse.layers.weight_layout import column_major_weights
from espnet_tse.lm.decoder_only import BOS, SEPARATOR, TASK, DecoderOnlyDecode
from espnet_tse.schema import CodecSpec, Conditions, Request, TSEBatch
from espnet_tse.tasks.choices import encoder_choices, frontend_choices, lm_choices

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"


def build(size: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Encoder and language model of a YAML, random weights, FunCodec's tables drawn at random."""
    config = read_chain(CONF / f"laura_tse_{size}.yaml").content
    spec = CodecSpec(16000, 640, 32, 1024, 128)
    tables = torch.randn(2, spec.codebook_size, spec.embedding_dim)
    frontend = frontend_choices.build(config["frontend"], config["frontend_conf"], codec=None)
    encoder = encoder_choices.build(
        config["encoder"], config["encoder_conf"], frontend=frontend, output_dim=spec.embedding_dim
    )
    lm = lm_choices.build(config["lm"], config["lm_conf"], codebooks=tables, spec=spec)
    return encoder.eval(), lm.eval()


def plain_step(lm: torch.nn.Module, conditions: Conditions, history: torch.Tensor) -> torch.Tensor:
    """The published loop's body: all positions again for one more frame; (1, n, t) codes so far -> (n,) tokens."""
    special = lm.special.weight
    parts = [
        special[BOS][None],
        conditions.streams["enrollment"].values[0],
        special[SEPARATOR][None],
        conditions.streams["mixture"].values[0],
        special[TASK][None],
        lm.embed(history)[0],
    ]
    sequence = torch.cat(parts)[None]
    start = sequence.size(1) - history.size(2) - 1
    mask = prefix_mask(torch.zeros(1, sequence.size(1), dtype=torch.bool), start)
    return lm.logits(lm.stack(sequence, mask))[0, -1, :, : lm.end_token].argmax(-1)


def plain_loop(
    lm: torch.nn.Module, conditions: Conditions, codes: torch.Tensor, num_timed: int
) -> tuple[float, bool]:
    """CPU seconds of all (1, n, T) frames, from ``num_timed`` of them, and whether its tokens are those of ``codes``."""
    frames = [round(t) for t in torch.linspace(0, codes.size(2) - 1, num_timed).tolist()]
    times, same = [], True
    for frame in frames:
        started = time.process_time()
        # All queries at once and weights as PyTorch lays them out: nothing of what makes ours fast.
        with patch.object(attention, "QUERY_BLOCK", 1 << 20):
            tokens = plain_step(lm, conditions, codes[..., :frame])
        times.append(time.process_time() - started)
        same &= torch.equal(tokens, codes[0, :, frame])
    gaps = zip(frames, frames[1:], times, times[1:])
    return sum((last - first) * (a + b) / 2 for first, last, a, b in gaps) + times[-1], same


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="paper", choices=["small", "paper"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=10.0, help="of mixture; the enrollment has 5")
    parser.add_argument("--plain_frames", type=int, default=5)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    encoder, lm = build(args.size)
    samples, frames, most = int(16000 * args.seconds), int(25 * args.seconds), max(args.batch)
    batch = TSEBatch(
        torch.randn(most, samples),
        torch.full((most,), samples),
        torch.randn(most, 80000),
        torch.full((most,), 80000),
        sample_rate=16000,
    )
    with torch.no_grad():
        conditions = encoder(batch)
        first = conditions.rows(torch.tensor([0]))
        print(
            f"LauraTSE {args.size}, {args.seconds} s mixtures ({frames} frames), 5 s enrollments, fp32, one thread"
        )
        plain = None
        for size in args.batch:
            rows = conditions.rows(torch.arange(size))
            column_major_weights(lm)  # as load_model does
            started = time.process_time()
            request = Request(
                torch.full((size,), samples), [str(i) for i in range(size)], DecoderOnlyDecode()
            )
            codes = lm.generate(rows, request).streams["acoustic"]
            elapsed = time.process_time() - started
            audio = size * args.seconds
            if plain is None:
                row_major = {name: w.contiguous() for name, w in lm.state_dict().items()}
                lm.load_state_dict(row_major, assign=True)
                plain, same = plain_loop(lm, first, codes.values[:1], args.plain_frames)
                print(
                    f"plain loop, batch 1: {plain:8.2f} CPU-s, {plain / frames:.3f} s a frame, RTF {plain / args.seconds:.2f}"
                )
                print(f"its tokens at {args.plain_frames} frames are ours: {same}")
            ratio = plain / args.seconds / (elapsed / audio)
            print(
                f"ours, batch {size}: {elapsed:8.2f} CPU-s, RTF {elapsed / audio:.3f}, {ratio:.0f} times as fast"
            )


if __name__ == "__main__":
    main()
