#!/usr/bin/env python3
"""Extraction by a language model whose history is shuffled while it decodes: does it use its history?

python3 ../../../benchmarks/shuffled_history.py --model exp/tse_x --mixture_scp dump/raw/test/wav.scp
    --enroll_scp dump/raw/test/enroll_spk1.scp --output_dir exp/tse_x/decode_shuffled_test
Options are those of espnet-tse extract. In place of the newest frame's tokens the model is given those of one of the frames
so far, drawn at random; the outputs are scored as any others, beside those of the usual decoding.
"""

import sys
from unittest.mock import patch

import torch

from espnet_tse.bin import extract
from espnet_tse.lm.decoder_only import CachedDecoder
from espnet_tse.lm.token_lm import CachedTokens


def shuffled(step, first_shuffled):
    """``step`` of a decoder whose newest frame gives way to an earlier one.

    Args:
        first_shuffled: of a decoder and its number of steps so far, whether this frame counts.
    """
    generator = torch.Generator().manual_seed(0)

    def other(decoder, newest, *rest):
        if newest is None or not first_shuffled(decoder, newest):
            return step(decoder, newest, *rest)
        frames = vars(decoder).setdefault("frames_so_far", [])
        if frames and len(frames[0]) != len(newest):
            frames.clear()  # rows that have ended are gone
        frames.append(newest)
        place = int(torch.randint(len(frames), (), generator=generator))
        return step(decoder, frames[place], *rest)

    return other


def semantic_token(decoder: CachedTokens, newest: torch.Tensor) -> bool:
    """Whether the tokens are of a stream with a rate: begin tokens and those of a voice stay."""
    vocabulary = decoder.lm.vocabulary
    stream = getattr(decoder.lm, "stream", "semantic")
    first, end = vocabulary.range(stream)
    return bool((first <= newest).all() and (newest < end).all())


def main() -> int:
    if len(sys.argv) == 1 or {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        return 0
    with (
        patch.object(CachedTokens, "step", shuffled(CachedTokens.step, semantic_token)),
        patch.object(CachedDecoder, "step", shuffled(CachedDecoder.step, lambda decoder, newest: True)),
    ):
        return extract.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
