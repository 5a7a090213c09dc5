"""Recognisers: samples -> words, all made from an ``AsrSpec``."""

from typing import Callable

import numpy as np

from espnet_tse.scoring.asr.option import AsrSpec

# (N,) samples at 16 kHz -> words.
Recogniser = Callable[[np.ndarray], str]


def make_recogniser(spec: AsrSpec) -> Recogniser:
    """Load the recogniser of a plan; its weights have been found."""
    if spec.kind == "pocketsphinx":
        from espnet_tse.scoring.asr.recognisers.pocket_sphinx import PocketSphinx

        return PocketSphinx(spec.grammar)
    if spec.kind == "whisper":
        from espnet_tse.scoring.asr.recognisers.openai_whisper import OpenAIWhisper

        return OpenAIWhisper(spec.weights, spec.language, spec.decode)
    if spec.kind == "faster_whisper":
        from espnet_tse.scoring.asr.recognisers.faster_whisper import FasterWhisper

        return FasterWhisper(spec.weights, spec.language, spec.decode, spec.compute_type)
    from espnet_tse.scoring.asr.recognisers.hf_whisper import HFWhisper

    return HFWhisper(spec.weights, spec.language, spec.decode)
