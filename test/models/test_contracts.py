"""The contracts carry systems that are not LauraTSE: two stages, a start to flow from, tasks without an enrollment.

The parts are tiny but real: tokenizers of ``tiny_tokenizers``, the package's language model, a flow of one layer.
"""

from dataclasses import dataclass, replace

import pytest
import torch
from factories import NANO, TableCodec, make_batch
from tiny_tokenizers import VoiceAndUnits, VoiceAndUnitsConfig
from torch import nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.io.slots import Slot
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.lm.decoder_only import DecoderOnlyDecode
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import (
    Codes,
    Conditions,
    DecodeConf,
    Estimate,
    Frames,
    Prediction,
    Request,
    Streams,
    TSEBatch,
    Vectors,
)
from espnet_tse.schema.codec_spec import CodecSpec
from espnet_tse.tasks import build, choices
from espnet_tse.tasks.decode_settings import decode_settings

# --- Two stages: semantic units, then acoustic codes given them (GenTSE's shape) -------------------------


@dataclass(frozen=True)
class FineConfig:
    """Sizes of ``FineLM``."""

    width: int = 16


class FineLM(AbsGenerator):
    """Acoustic codes of each frame from the mixture's frame and the semantic token that sounds then; one pass."""

    Config = FineConfig

    def __init__(self, config: FineConfig, num_units: int, spec: CodecSpec):
        super().__init__()
        self.spec = spec
        self.units = nn.Embedding(num_units, config.width)
        self.mixture = nn.Linear(spec.embedding_dim, config.width)
        self.head = nn.Linear(config.width, spec.codebook_size)

    @classmethod
    def from_config(cls, config, num_units, spec) -> "FineLM":
        return cls(config, num_units, spec)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        semantic, mixture = request.given.streams["semantic"], conditions.streams["mixture"]
        lengths = self.spec.num_frames(request.num_samples)
        index = torch.arange(int(lengths.max()))
        units = semantic.values[
            :,
            0,
            (index * (semantic.frame_rate / self.spec.frame_rate))
            .long()
            .clamp_max(semantic.values.size(2) - 1),
        ]
        frames = mixture.values[
            :,
            (index * (mixture.frame_rate / self.spec.frame_rate))
            .long()
            .clamp_max(mixture.values.size(1) - 1),
        ]
        codes = self.head(torch.tanh(self.units(units.clamp_min(0)) + self.mixture(frames))).argmax(dim=-1)
        values = codes[:, None].masked_fill(index >= lengths[:, None, None], -1)
        return Prediction(Streams(acoustic=Codes(values, lengths, self.spec.frame_rate)), 1)


@dataclass(frozen=True)
class TwoStageConfig:
    """Nothing to set."""


@dataclass(frozen=True)
class TwoStageDecode(DecoderOnlyDecode):
    """Settings of the first stage's drawing; the second is greedy."""


def units_spec(units: AbsTokenizer) -> CodecSpec:
    sizes = units.streams["semantic"]
    return CodecSpec(units.sample_rate, sizes.hop_length, 1, sizes.codebook_size, 16)


class TwoStage(AbsTSEModel):
    """p(semantic | conditions) p(acoustic | semantic, conditions): two language models, each in its own slot."""

    Config = TwoStageConfig
    Decode = TwoStageDecode
    tokenizers = {"semantic": AbsTokenizer, "acoustic": AbsCodec}
    slots = {
        "encoder": Slot("encoder", given=lambda tokenizers: {"output_dim": 16}),
        "semantic_lm": Slot(
            "lm",
            option="semantic_lm",
            given=lambda tokenizers: {
                "codebooks": torch.randn(1, tokenizers["semantic"].streams["semantic"].codebook_size, 16),
                "spec": units_spec(tokenizers["semantic"]),
            },
        ),
        "acoustic_lm": Slot(
            "lm",
            option="acoustic_lm",
            given=lambda tokenizers: {
                "num_units": tokenizers["semantic"].streams["semantic"].codebook_size,
                "spec": tokenizers["acoustic"].spec,
            },
        ),
        "codec": Slot("codec_handed_on", given=lambda tokenizers: {"codec": tokenizers["acoustic"]}),
    }

    def __init__(self, config, encoder, semantic_lm, acoustic_lm, codec):
        super().__init__()
        self.config, self.encoder, self.semantic_lm, self.acoustic_lm, self.codec = (
            config,
            encoder,
            semantic_lm,
            acoustic_lm,
            codec,
        )
        self.sample_rate = codec.sample_rate

    @classmethod
    def from_config(cls, config, **parts) -> "TwoStage":
        return cls(config, **parts)

    def loss(self, batch: TSEBatch):
        logits = self.semantic_lm(self.encoder(batch), batch.targets["semantic"])
        loss = logits.square().mean()
        return loss, {"loss_semantic": loss}

    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions, first = self.encoder(batch), request.given
        if first is None or "semantic" not in first.streams:
            generated = self.semantic_lm.generate(conditions, request)
            first = Prediction(
                Streams(semantic=generated.streams["acoustic"]), generated.num_function_evaluations
            )
        second = self.acoustic_lm.generate(conditions, replace(request, given=first))
        prediction = Prediction(Streams({**first.streams, **second.streams}))
        waveform = self.codec.decode_codes(second.streams["acoustic"])
        evaluations = first.num_function_evaluations + second.num_function_evaluations
        return Estimate(waveform, batch.mixture_lengths, batch.sample_rate, prediction, evaluations)


class HandedOn:
    """A part that is a tokenizer itself."""

    Config, slots = TwoStageConfig, {}

    @classmethod
    def from_config(cls, config, codec):
        return codec


@pytest.fixture
def two_stage(monkeypatch):
    torch.manual_seed(0)
    opened = {
        "semantic": VoiceAndUnits(VoiceAndUnitsConfig()),
        "acoustic": TableCodec(CodecSpec(16000, 320, 1, 32, 16)),
    }
    monkeypatch.setitem(choices.model_choices.classes, "two_stage", TwoStage)
    monkeypatch.setitem(choices.lm_choices.classes, "fine", FineLM)
    monkeypatch.setitem(choices.TABLES, "codec_handed_on", choices.Choices("codec_handed_on", codec=HandedOn))
    monkeypatch.setattr(build, "open_tokenizers", lambda model, places: opened)
    sizes = {**NANO, "position": "rotary"}
    config = {
        "model": "two_stage",
        "encoder": "shared_transformer",
        "encoder_conf": {"num_layers": 1, **sizes},
        "frontend": "log_mel",
        "frontend_conf": {"num_mels": 64},
        "semantic_lm": "decoder_only",
        "semantic_lm_conf": {"num_layers": 1, "num_codebooks": 1, "attention_dropout": 0.0, **sizes},
        "acoustic_lm": "fine",
        "codec_handed_on": "codec",
    }
    return config, build.build_model(config).eval()


def test_two_language_models_are_two_more_slots(two_stage):
    config, model = two_stage
    assert dict(choices.slots_of("model", config)) == {
        "model": "model",
        "encoder": "encoder",
        "frontend": "frontend",
        "semantic_lm": "lm",
        "acoustic_lm": "lm",
        "codec_handed_on": "codec_handed_on",
    }
    assert model.configs["semantic_lm"].num_layers == 1 and model.configs["acoustic_lm"].width == 16
    assert choices.all_options()["semantic_lm"] == "lm"  # so the parser takes it, and lm itself stays
    with pytest.raises(
        ValueError, match="semantic_lm_conf of 'decoder_only': unknown 'num_layer' .did you mean"
    ):
        build.build_model({**config, "semantic_lm_conf": {"num_layer": 1}})
    with pytest.raises(ValueError, match="--acoustic_lm is required; one of: decoder_only, fine"):
        build.build_model({**config, "acoustic_lm": None})


def test_the_second_stage_receives_the_tokens_of_the_first(two_stage):
    _, model = two_stage
    batch = make_batch([0.5, 0.3], [0.2, 0.3], None)
    whole = model.extract(batch, TwoStageDecode(sampling=True, seed=1))
    streams = whole.prediction.streams
    assert streams["semantic"].lengths.tolist() == [25, 15] and streams["acoustic"].lengths.tolist() == [
        25,
        15,
    ]
    assert whole.num_function_evaluations == 25 + 1
    given = Prediction(Streams(semantic=streams["semantic"]))
    second = model.extract(batch, TwoStageDecode(), given=given)
    assert second.num_function_evaluations == 1
    assert torch.equal(second.prediction.streams["acoustic"].values, streams["acoustic"].values)
    other = streams["semantic"].values.clone()
    other[:, :, 12] = (other[:, :, 12] + 7) % 50
    changed = model.extract(
        batch, given=Prediction(Streams(semantic=replace(streams["semantic"], values=other)))
    )
    moved = (changed.prediction.streams["acoustic"].values != streams["acoustic"].values).any(dim=1)
    assert not moved[:, :12].any() and not moved[:, 13:].any()


def test_given_tokens_are_cut_with_the_chunks_of_a_long_mixture(two_stage):
    _, model = two_stage
    batch = make_batch([1.0], [0.2], None)
    tokens = Codes(torch.arange(50)[None, None], torch.tensor([50]), 50.0)
    seen = []
    original = model.acoustic_lm.generate
    model.acoustic_lm.generate = lambda conditions, request: seen.append(request) or original(
        conditions, request
    )
    conf = TwoStageDecode(max_chunk_s=0.5, overlap_s=0.1)
    model.extract(batch, conf, given=Prediction(Streams(semantic=tokens)))
    (request,) = seen
    assert request.keys == ["utt0@0", "utt0@6400", "utt0@8000"]
    assert [row[0].tolist() for row in request.given.streams["semantic"].values] == [
        list(range(25)),
        list(range(20, 45)),
        list(range(25, 50)),
    ]


# --- A flow that starts from a spectrum which is given (Mask2Flow-TSE's shape) -----------------------------


@dataclass(frozen=True)
class StepFlowConfig:
    """Sizes of ``StepFlow``."""

    width: int = 16


class StepFlow(AbsGenerator):
    """One Euler step from ``given`` ``mel``, given the speaker as a vector."""

    Config = StepFlowConfig

    def __init__(self, config: StepFlowConfig):
        super().__init__()
        self.velocity = nn.Linear(config.width + 4, config.width)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        start = request.given.streams["mel"]
        speaker = conditions.vectors["speaker"][:, None].expand(-1, start.values.size(1), -1)
        values = start.values + self.velocity(torch.cat([start.values, speaker], dim=-1))
        return Prediction(
            Streams(
                mel=Frames(
                    values.masked_fill(start.padding_mask[..., None], 0.0), start.lengths, start.frame_rate
                )
            ),
            1,
        )


class MaskThenFlow(AbsTSEModel):
    """A mask gives the start; extraction can be handed another."""

    Config, Decode, slots = TwoStageConfig, DecodeConf, {}
    sample_rate = 16000
    tasks = ("tse", "sr")

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.analysis, self.synthesis = nn.Linear(160, 16), nn.Linear(16, 160)
        self.mask, self.lm = nn.Linear(16, 16), StepFlow(StepFlowConfig())

    def loss(self, batch):
        raise AssertionError("is not trained here")

    def frames(self, waveform, lengths):
        return Frames(self.analysis(waveform.unflatten(1, (-1, 160))), -(-lengths // 160), 100.0)

    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        mixture = self.frames(batch.mixture, batch.mixture_lengths)
        if request.given is None:
            masked = Frames(mixture.values * self.mask(mixture.values).sigmoid(), mixture.lengths, 100.0)
            request = replace(request, given=Prediction(Streams(mel=masked)))
        speaker = torch.ones(len(request.keys), 4)
        if batch.enrollment is not None:
            speaker = batch.enrollment[:, :1600].unflatten(1, (4, -1)).abs().mean(dim=-1)
        conditions = Conditions(Streams(mixture=mixture), Vectors(speaker=speaker))
        prediction = self.lm.generate(conditions, request)
        waveform = self.synthesis(prediction.streams["mel"].values).flatten(1)
        return Estimate(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            prediction,
            prediction.num_function_evaluations,
        )


def test_a_start_is_handed_to_the_flow():
    model, batch = MaskThenFlow().eval(), make_batch([0.3, 0.2], [0.2, 0.3], None)
    own = model.extract(batch)
    mixture = model.frames(batch.mixture, batch.mixture_lengths)
    given = model.extract(batch, given=Prediction(Streams(mel=mixture)))
    assert not torch.allclose(own.waveform, given.waveform)
    speaker = batch.enrollment[:, :1600].unflatten(1, (4, -1)).abs().mean(dim=-1)
    wanted = mixture.values + model.lm.velocity(
        torch.cat([mixture.values, speaker[:, None].expand(-1, 30, -1)], dim=-1)
    )
    torch.testing.assert_close(given.prediction.streams["mel"].values[0], wanted[0])
    # In chunks each piece starts from its own part of what was given.
    chunked = model.extract(
        batch,
        DecodeConf(max_chunk_s=0.2, overlap_s=0.05, level="none"),
        given=Prediction(Streams(mel=mixture)),
    )
    whole = model.extract(batch, DecodeConf(level="none"), given=Prediction(Streams(mel=mixture)))
    torch.testing.assert_close(chunked.waveform, whole.waveform, atol=1e-4, rtol=1e-3)


def test_restoration_takes_no_enrollment_and_extraction_wants_one():
    model, batch = MaskThenFlow().eval(), make_batch([0.3, 0.2], [0.2, 0.3], None)
    alone = replace(batch, enrollment=None, enrollment_lengths=None, task="sr")
    assert model.extract(alone).waveform.shape == batch.mixture.shape
    with pytest.raises(ValueError, match="task 'sr' takes no enrollment"):
        model.extract(replace(batch, task="sr"))
    with pytest.raises(ValueError, match="task 'tse' wants an enrollment"):
        model.extract(replace(alone, task="tse"))
    with pytest.raises(ValueError, match="task 'rtse' is none of this model's: tse, sr"):
        model.extract(replace(batch, task="rtse"))


def test_settings_of_another_family_are_unknown():
    assert decode_settings(TwoStage, {"sampling": True}).sampling
    with pytest.raises(ValueError, match="unknown 'injection_ratio'.*settings of TwoStage"):
        decode_settings(TwoStage, {"injection_ratio": 0.5})
    with pytest.raises(ValueError, match="unknown 'top_k'"):
        decode_settings(MaskThenFlow, {"top_k": 5})
    with pytest.raises(ValueError, match="selector: unknown 'speaker' .did you mean 'speaker_similarity'"):
        decode_settings(TwoStage, {"selector": "speaker"})
