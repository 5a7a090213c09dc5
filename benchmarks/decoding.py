#!/usr/bin/env python3
"""AR decoding with random weights: ours against the plain loop that recomputes every step, and against the memory's speed.

python3 benchmarks/decoding.py [--systems laura_tse unise gentse_1 gentse_2] [--size paper] [--batch 1 8] [--seconds 10]
    [--plain_steps 5]
The plain loop decodes one mixture at a time, as published inference scripts do. It is timed at evenly spaced steps from
the first to the last, and the time of all is the trapezoid rule's; at these steps its tokens are compared with ours.
The floor is the time in which the prompt's multiplications run as one large product does, and the weights and the held
keys and values of every step are read as one large vector is; both speeds are measured in the same run.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from unittest.mock import patch

import torch
from torch import Tensor, nn

from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.layers import attention
from espnet_tse.layers.transformer import prefix_mask
from espnet_tse.layers.weight_layout import column_major_weights
from espnet_tse.lm.decoder_only import BOS, SEPARATOR, TASK, DecoderOnlyDecode
from espnet_tse.lm.stream_lm import BEGIN
from espnet_tse.lm.task_lm import BEGIN_GLOBAL, BEGIN_SEMANTIC, TASKS
from espnet_tse.lm.token_lm import TokenDecode
from espnet_tse.schema import CodecSpec, Codes, Conditions, Frames, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.tasks.choices import lm_choices

CONF = Path(__file__).parent.parent / "egs2" / "TEMPLATE" / "tse1" / "conf"
RATE, ENROLLMENT_S = 16000, 5.0


@dataclass
class System:
    """One language model with its conditions."""

    lm: nn.Module
    conditions: Conditions
    generate: Callable[
        [Conditions, int], Tensor
    ]  # rows and their number -> (B, n, steps) tokens as ``plain`` gives them
    plain: Callable[
        [Conditions, Tensor, int], Tensor
    ]  # one row, its tokens, a step -> (n,) tokens of the step
    num_steps: int

    @property
    def prompt_length(self) -> int:
        return sum(frames.values.size(1) for frames in self.conditions.streams.values())


def settings(name: str, size: str, block: str) -> dict:
    return read_chain(CONF / f"{name}_{size}.yaml").content[f"{block}_conf"]


def conditions_of(rows: int, seconds: float, rate: float, width: int) -> Conditions:
    def frames(duration: float) -> Frames:
        number = round(duration * rate)
        return Frames(torch.randn(rows, number, width), torch.full((rows,), number), rate)

    return Conditions(Streams(enrollment=frames(ENROLLMENT_S), mixture=frames(seconds)))


def request_of(rows: int, seconds: float, conf, given: Prediction | None = None) -> Request:
    return Request(torch.full((rows,), int(RATE * seconds)), [str(row) for row in range(rows)], conf, given)


def laura_tse(size: str, rows: int, seconds: float) -> System:
    spec = CodecSpec(RATE, 640, 32, 1024, 128)
    tables = torch.randn(2, spec.codebook_size, spec.embedding_dim)
    lm = lm_choices.build("decoder_only", settings("laura_tse", size, "lm"), codebooks=tables, spec=spec)

    def plain(conditions: Conditions, tokens: Tensor, step: int) -> Tensor:
        special = lm.special.weight
        parts = [
            special[BOS][None],
            conditions.streams["enrollment"].values[0],
            special[SEPARATOR][None],
            conditions.streams["mixture"].values[0],
            special[TASK][None],
            lm.embed(tokens[..., :step])[0],
        ]
        sequence = torch.cat(parts)[None]
        start = sequence.size(1) - step - 1
        mask = prefix_mask(torch.zeros(1, sequence.size(1), dtype=torch.bool), start)
        return lm.logits(lm.stack(sequence, mask))[0, -1, :, : lm.end_token].argmax(-1)

    def generate(conditions: Conditions, rows: int) -> Tensor:
        return (
            lm.generate(conditions, request_of(rows, seconds, DecoderOnlyDecode())).streams["acoustic"].values
        )

    conditions = conditions_of(rows, seconds, spec.frame_rate, spec.embedding_dim)
    return System(lm, conditions, generate, plain, round(seconds * spec.frame_rate))


def unise(size: str, rows: int, seconds: float) -> System:
    specs = {"global": CodesSpec(1, 4096, num_tokens=32), "semantic": CodesSpec(1, 8192, hop_length=320)}
    lm = lm_choices.build("task_lm", settings("unise", size, "lm"), specs=specs, sample_rate=RATE)
    tasks = torch.full((rows,), TASKS.index("tse"))

    def generate(conditions: Conditions, rows: int) -> Tensor:
        streams = lm.generate(conditions, tasks[:rows], request_of(rows, seconds, TokenDecode())).streams
        parts = [lm.vocabulary.tokens(name, streams[name].values[:, 0]) for name in specs]
        between = torch.full_like(parts[0][:, :1], BEGIN_SEMANTIC)
        return torch.cat([parts[0], between, parts[1]], dim=1)[:, None]

    def plain(conditions: Conditions, tokens: Tensor, step: int) -> Tensor:
        if step == lm.num_globals:
            return torch.tensor([BEGIN_SEMANTIC])
        stream = "global" if step < lm.num_globals else "semantic"
        added = lm.added(conditions, tasks[:1], round(50 * seconds))
        return plain_token(lm, lm.prompt(conditions, tasks[:1]), added, BEGIN_GLOBAL, tokens, step, stream)

    conditions = conditions_of(rows, seconds, 50.0, lm.width)
    return System(lm, conditions, generate, plain, lm.num_globals + 1 + round(50 * seconds))


def gentse(stage: int, size: str, rows: int, seconds: float) -> System:
    specs = {"semantic": CodesSpec(1, 1024, hop_length=320), "acoustic": CodesSpec(1, 8192, hop_length=160)}
    name, block = ("gentse", "acoustic_lm") if stage == 2 else ("gentse", "semantic_lm")
    specs = specs if stage == 2 else {"semantic": specs["semantic"]}
    lm = lm_choices.build("stream_lm", settings(name, size, block), specs=specs, sample_rate=RATE)
    units = round(50 * seconds)
    semantic = torch.randint(1024, (rows, 1, units))

    def earlier(rows: int) -> Streams:
        codes = Codes(semantic[:rows], torch.full((rows,), units), 50.0)
        return Streams(semantic=codes) if stage == 2 else Streams()

    def generate(conditions: Conditions, rows: int) -> Tensor:
        request = request_of(rows, seconds, TokenDecode(), Prediction(earlier(rows)))
        codes = lm.generate(conditions, request).streams[lm.stream]
        return lm.vocabulary.tokens(lm.stream, codes.values[:, 0])[:, None]

    def plain(conditions: Conditions, tokens: Tensor, step: int) -> Tensor:
        added = lm.added(conditions, earlier(1), step + 1)
        return plain_token(lm, lm.prompt(conditions, earlier(1)), added, BEGIN, tokens, step, lm.stream)

    conditions = conditions_of(rows, seconds, lm.frame_rate, lm.width)
    return System(lm, conditions, generate, plain, round(seconds * lm.frame_rate))


SYSTEMS = {
    "laura_tse": laura_tse,
    "unise": unise,
    "gentse_1": lambda *sizes: gentse(1, *sizes),
    "gentse_2": lambda *sizes: gentse(2, *sizes),
}


def plain_token(lm: nn.Module, prompt, added, begin: int, tokens: Tensor, step: int, stream: str) -> Tensor:
    """The published loop's body for models of one token a position."""
    inputs = torch.cat([torch.full_like(tokens[:, 0, :1], begin), tokens[:, 0, :step]], dim=1)
    first, end = lm.vocabulary.range(stream)
    logits = lm.head(lm.hidden(prompt, inputs, added)[:, -1])
    return logits[0, first:end].argmax(-1, keepdim=True) + first


def plain_loop(system: System, tokens: Tensor, num_timed: int) -> tuple[float, bool]:
    """CPU seconds of all steps, from ``num_timed`` of them, and whether its tokens are those of ``tokens`` (1, n, T)."""
    steps = [round(step) for step in torch.linspace(0, system.num_steps - 1, num_timed).tolist()]
    first = system.conditions.rows(torch.tensor([0]))
    times, same = [], True
    for step in steps:
        started = time.process_time()
        # All queries at once and weights as PyTorch lays them out: nothing of what makes ours fast.
        with patch.object(attention, "QUERY_BLOCK", 1 << 20):
            chosen = system.plain(first, tokens, step)
        times.append(time.process_time() - started)
        same &= torch.equal(chosen, tokens[0, :, step])
    gaps = zip(steps, steps[1:], times, times[1:])
    return sum((last - start) * (a + b) / 2 for start, last, a, b in gaps) + times[-1], same


def read_speed() -> float:
    """Bytes a second of one thread, the best of some reads of 512 MiB."""
    values, best = torch.ones(1 << 27), 0.0
    for _ in range(5):
        started = time.perf_counter()
        values.sum()
        best = max(best, values.numel() * 4 / (time.perf_counter() - started))
    return best


def product_speed() -> float:
    """Multiplications and additions a second of one large product."""
    a, b, best = torch.randn(1024, 1024), torch.randn(1024, 2048), 0.0
    for _ in range(5):
        started = time.perf_counter()
        a @ b
        best = max(best, 2 * 1024 * 1024 * 2048 / (time.perf_counter() - started))
    return best


def floor_s(system: System, rows: int, bytes_a_s: float, operations_a_s: float) -> tuple[float, float]:
    """Seconds of the prompt and of all steps."""
    weights = sum(layer.weight.numel() for layer in system.lm.stack.modules() if isinstance(layer, nn.Linear))
    head = system.lm.head.weight.numel()
    config = system.lm.stack.config
    prompt = rows * system.prompt_length * 2 * weights / operations_a_s
    held = 2 * config.num_layers * config.width * rows * (system.prompt_length + system.num_steps / 2)
    return prompt, system.num_steps * 4 * (weights + head + held) / bytes_a_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--size", default="paper", choices=["nano", "mini", "small", "paper"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=10.0, help="of mixture; the enrollment has 5")
    parser.add_argument("--plain_steps", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bytes_a_s, operations_a_s = read_speed(), product_speed()
    print(
        f"{args.seconds} s mixtures, {ENROLLMENT_S} s enrollments, fp32, one thread; "
        f"{bytes_a_s / 1e9:.1f} GB/s, {operations_a_s / 1e9:.0f} Gflop/s"
    )
    with torch.no_grad():
        for name in args.systems:
            measure(name, args, bytes_a_s, operations_a_s)


def measure(name: str, args: argparse.Namespace, bytes_a_s: float, operations_a_s: float) -> None:
    torch.manual_seed(0)
    system = SYSTEMS[name](args.size, max(args.batch), args.seconds)
    system.lm.eval()
    print(f"{name} {args.size}: prompt {system.prompt_length}, {system.num_steps} steps")
    plain = None
    for rows in args.batch:
        conditions = system.conditions.rows(torch.arange(rows))
        column_major_weights(system.lm)  # as load_model does
        started = time.process_time()
        tokens = system.generate(conditions, rows)
        elapsed = time.process_time() - started
        if plain is None:
            row_major = {key: value.contiguous() for key, value in system.lm.state_dict().items()}
            system.lm.load_state_dict(row_major, assign=True)
            plain, same = plain_loop(system, tokens[:1], args.plain_steps)
            print(
                f"  plain loop, batch 1: {plain:8.2f} CPU-s, {plain / system.num_steps:.3f} s a step; its tokens "
                f"at {args.plain_steps} steps are ours: {same}"
            )
        prompt, steps = floor_s(system, rows, bytes_a_s, operations_a_s)
        print(
            f"  ours, batch {rows}: {elapsed:8.2f} CPU-s, RTF {elapsed / rows / args.seconds:.3f}, "
            f"{plain * rows / elapsed:.0f} times as fast; floor {prompt:.2f} + {steps:.2f} s, "
            f"{100 * (prompt + steps) / elapsed:.0f} % of the time"
        )


if __name__ == "__main__":
    main()
