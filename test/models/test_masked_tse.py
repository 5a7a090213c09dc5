"""Masked generation as a system."""

import pytest
import torch

from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.encoder.adapter import AdapterConfig, AdapterEncoder
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
from espnet_tse.io.scp import DataError
from espnet_tse.lm.masked_lm import MaskedLM, MaskedLMConfig
from espnet_tse.lm.unmasking import MaskedDecode
from espnet_tse.models.masked_tse import MaskedTSE, MaskedTSEConfig, specs_of
from espnet_tse.schema import Streams, TSEBatch
from espnet_tse.vocoder.codec_decoder import CodecDecoder


@pytest.fixture(scope="module")
def model() -> MaskedTSE:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    config = SpectralBiCodecConfig(
        **{**sizes, "n_fft": 640, "codebook_size": 16, "decoder_blocks": 1, "voice_channels": 8},
        griffin_lim_iterations=2,
    )
    codec = SpectralBiCodec(config).eval()
    lm = MaskedLM.from_config(
        MaskedLMConfig(
            num_layers=1, width=16, num_heads=2, feedforward=32, dropout=0.0, attention_dropout=0.0
        ),
        **specs_of({"acoustic": codec}),
    )
    encoder = AdapterEncoder(LogMel(LogMelConfig(hop_length=320, num_mels=20)), AdapterConfig(40.0, 0.05), 16)
    return MaskedTSE(MaskedTSEConfig(), encoder, lm, CodecDecoder(codec)).eval()


def batch_of(model) -> TSEBatch:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([8000, 6000])
    mixture = torch.randn(2, 8000, generator=generator) * 0.1
    mixture[1, 6000:] = 0.0
    targets = model.vocoder.codec.tokenize(mixture, lengths)
    enrollment = torch.randn(2, 5000, generator=generator) * 0.1
    return TSEBatch(
        mixture, lengths, enrollment, torch.tensor([5000, 4000]), sample_rate=16000, targets=targets
    )


@pytest.mark.parametrize("conf", [MaskedDecode(), MaskedDecode(steps=2, sampling=True, candidates=1)])
def test_an_estimate_is_as_long_as_its_mixture_and_counts_its_passes(model, conf):
    estimate = model.extract(batch_of(model), conf)
    assert estimate.waveform.shape == (2, 8000) and not estimate.waveform[1, 6000:].any()
    assert estimate.waveform[1, :6000].any() and estimate.num_function_evaluations == conf.steps
    assert estimate.diagnostics["num_frames"] == 25 + 19


def test_gradients_reach_every_part(model):
    model.train()
    loss, stats = model.loss(batch_of(model))
    loss.backward()
    model.eval()
    assert set(stats) == {"acc_global", "acc_semantic"}
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
    assert not without


def test_a_batch_without_codes_is_an_error(model):
    batch = batch_of(model)
    batch.targets = Streams()
    with pytest.raises(DataError, match="this system learns from the target's global codes"):
        model.loss(batch)


def test_other_tasks_are_refused(model):
    batch = batch_of(model)
    batch.task = "rtse"
    with pytest.raises(ValueError, match="task 'rtse' is none of this model's"):
        model.extract(batch)


def test_settings_of_several_passes_are_refused_where_there_is_one():
    one, several = MaskedLMConfig(encoder_only=True), MaskedLMConfig()
    conf = MaskedDecode(steps=16, finer_steps=4, remask=True, confidence_noise=1.0, candidates=3)
    faults = MaskedTSE.faults_of_decoding(conf, {"lm": one})
    names = ["steps: 16", "finer_steps: 4", "confidence_noise: 1.0", "remask: true"]
    assert [fault.split(" is for several passes")[0] for fault in faults] == names
    assert MaskedTSE.faults_of_decoding(conf, {"lm": several}) == []
    sampled = MaskedDecode(sampling=True, candidates=3)  # also in one pass they differ
    assert MaskedTSE.faults_of_decoding(sampled, {"lm": one}) == []
