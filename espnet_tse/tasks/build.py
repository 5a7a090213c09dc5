"""Composing the triple of a configuration; apart from the task, whose ESPnet imports take seconds."""

import argparse

from espnet_tse.codec.load import load_codec
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.extractor.abs_extractor import AbsExtractor
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.tasks.choices import (
    encoder_choices,
    extractor_choices,
    frontend_choices,
    lm_choices,
    model_choices,
    speaker_encoder_choices,
    vocoder_choices,
)


def build_model(args: argparse.Namespace) -> AbsTSEModel:
    """Compose the triple that ``args`` names.

    Args:
        args: ``codec_dir``, and a name and a ``*_conf`` for each table of ``choices.py``.
    Raises:
        ValueError: unknown names or keys, values out of range, no codec where one is needed.
    """
    model_choices.config(args.model, args.model_conf)  # first, for its message about an unknown name
    if not model_choices.classes[args.model].needs_codec:
        return model_choices.build(args.model, args.model_conf, extractor=build_extractor(args))
    if not args.codec_dir:
        raise ValueError(f"--model {args.model} builds on a codec; give --codec_dir (stage 4 makes one).")
    codec = load_codec(args.codec_dir)

    def new_encoder() -> AbsConditionEncoder:
        frontend = frontend_choices.build(args.frontend, args.frontend_conf, codec=codec)
        output_dim = codec.spec.embedding_dim
        return encoder_choices.build(args.encoder, args.encoder_conf, frontend=frontend, output_dim=output_dim)

    parts = {"encoder": new_encoder()}
    if getattr(model_choices.config(args.model, args.model_conf), "split", False):
        parts["vocoder_encoder"] = new_encoder()
    if "extractor" in model_choices.classes[args.model].slots:
        parts["extractor"] = build_extractor(args)
    lm = lm_choices.build(args.lm, args.lm_conf, codebooks=codec.codebooks, spec=codec.spec)
    vocoder = vocoder_choices.build(args.vocoder, args.vocoder_conf, codec=codec)
    return model_choices.build(args.model, args.model_conf, lm=lm, vocoder=vocoder, **parts)


def build_extractor(args: argparse.Namespace) -> AbsExtractor:
    """The network that ``args`` names, with a speaker encoder where it wants one."""
    parts = {}
    extractor_choices.config(args.extractor, args.extractor_conf)  # first, for its message about an unknown name
    if extractor_choices.classes[args.extractor].wants_speaker_encoder:
        check_speaker_encoder(args)
        conf = args.speaker_encoder_conf
        parts["new_speaker_encoder"] = lambda input_dim: speaker_encoder_choices.build(
            args.speaker_encoder, conf, input_dim=input_dim
        )
    return extractor_choices.build(args.extractor, args.extractor_conf, **parts)


def check_speaker_encoder(args: argparse.Namespace) -> None:
    """Raise ValueError for an encoder that takes waveforms where there are none, or at another rate."""
    encoder = speaker_encoder_choices.classes.get(args.speaker_encoder)
    if encoder is None or not encoder.takes_waveform:
        return
    sample_rate = extractor_choices.config(args.extractor, args.extractor_conf).sample_rate
    if not extractor_choices.classes[args.extractor].gives_waveform:
        givers = sorted(name for name, part in extractor_choices.classes.items() if part.gives_waveform)
        raise ValueError(
            f"speaker_encoder {args.speaker_encoder} takes waveforms, and extractor {args.extractor} hands it features of "
            f"its own; use it with {' or '.join(givers)}, or choose another speaker_encoder."
        )
    if sample_rate != encoder.sample_rate:
        raise ValueError(
            f"speaker_encoder {args.speaker_encoder} works at {encoder.sample_rate} Hz, but extractor_conf says "
            f"sample_rate: {sample_rate}; choose another speaker_encoder."
        )
