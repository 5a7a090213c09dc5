"""BiCodec and its parts, with random weights."""

from dataclasses import replace

import pytest
import torch
from bicodec_reference import write_xlsr
from torch.nn import functional as F
from voice_codec_checks import assert_lengths, assert_rows_are_as_alone, noise

from espnet_tse.codec.bicodec import BiCodec, BiCodecConfig
from espnet_tse.codec.ecapa_tdnn import AttentiveStatistics
from espnet_tse.codec.factorized_quantizer import FactorizedQuantizer
from espnet_tse.codec.feature_backbone import FeatureDecoder
from espnet_tse.codec.objective import WaveformObjective, WaveformObjectiveConfig
from espnet_tse.codec.perceiver_resampler import PerceiverResampler
from espnet_tse.codec.volume import normalize_volume
from espnet_tse.codec.wave_generator import UpsamplingBlock, WaveGenerator
from espnet_tse.codec.waveform_adversary import WaveformAdversary, WaveformAdversaryConfig
from espnet_tse.layers.adaptive_norm import AdaptiveLayerNorm
from espnet_tse.layers.mel_filters import slaney_mel_filters
from espnet_tse.schema import Codes, Streams
from espnet_tse.train.codec_step import CodecStep
from espnet_tse.train.codec_train_conf import CodecTrainConf

TINY = dict(
    feature_dim=12, channels=8, inner_channels=10, num_blocks=2, codebook_size=40, codebook_dim=4, num_mels=12,
    ecapa_channels=16, ecapa_output=24, num_globals=5, token_dim=6, num_dims=3, generator_channels=16, voice_s=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def codec(tmp_path_factory) -> BiCodec:
    folder = write_xlsr(tmp_path_factory.mktemp("xlsr"))
    torch.manual_seed(0)
    codec = BiCodec.from_config(BiCodecConfig(model_dir=str(folder), **TINY)).eval()
    for parameter in codec.parameters():
        if parameter.requires_grad and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.4)  # drawn as for a training, all signals sound alike
    return codec


# Lengths around one hop, one window of wav2vec 2.0, and some thousand samples.
LENGTHS = [1, 2, 79, 80, 81, 319, 320, 321, 399, 400, 401, 719, 720, 721, 3199, 3200, 3201, 7919]


@pytest.mark.parametrize("num_samples", LENGTHS)
def test_one_semantic_token_a_hop_and_a_fixed_number_of_the_voice(codec, num_samples):
    assert_lengths(codec, num_samples, 5)


def test_a_row_is_the_same_in_any_batch(codec):
    assert_rows_are_as_alone(codec, (6000, 4000, 6000), atol=1e-5, rtol=1e-4)
    voices = [codec.tokenize(noise(6000, seed), torch.tensor([6000]))["global"].values for seed in (1, 3)]
    assert not torch.equal(*voices)


def test_padding_changes_no_frame_that_there_is_without_it(codec):
    # 6400 samples are 20 hops, of which wav2vec 2.0 alone gives 19.
    signal = noise(6400)
    padded = codec.features(signal)
    assert padded.size(1) == 20
    centred = (signal - signal.mean()) / (signal.var(unbiased=False) + 1e-7).sqrt()
    with torch.no_grad():
        alone = codec.model.feature_extractor(centred)
        beyond = codec.model.feature_extractor(F.pad(centred, (0, 80)))
    assert alone.size(2) == 19
    torch.testing.assert_close(beyond[:, :, :19], alone)


def test_semantic_tokens_ignore_the_level_and_the_voices_follow_the_first_half_second(codec):
    signal, length = noise(16000), torch.tensor([16000])
    streams = codec.tokenize(signal, length)
    louder = codec.tokenize(3.0 * signal, length)
    assert all(torch.equal(streams[name].values, louder[name].values) for name in streams)
    changed = torch.cat([signal[:, :8000], 0.2 * noise(8000, 9)], dim=1)
    plain = BiCodec(replace(codec.config, volume_normalize=False), codec.model, True).eval()
    plain.load_state_dict(codec.state_dict())
    one, other = plain.tokenize(signal, length), plain.tokenize(changed, length)
    assert torch.equal(one["global"].values, other["global"].values)
    assert not torch.equal(one["semantic"].values, other["semantic"].values)


def test_tokens_of_the_voice_change_the_sound(codec):
    streams = codec.tokenize(noise(3200), torch.tensor([3200]))
    other = Streams(
        {**streams, "global": Codes((streams["global"].values + 1) % 64, torch.tensor([5]), None)}
    )
    assert not torch.allclose(codec.detokenize(streams), codec.detokenize(other), atol=1e-3)


def test_no_tokens_are_refused(codec):
    streams = codec.tokenize(noise(320), torch.tensor([320]))
    streams["semantic"] = Codes(streams["semantic"].values[:, :, :0], torch.tensor([0]), 50.0)
    with pytest.raises(ValueError, match=r"lengths \[0\] do not fit"):
        codec.detokenize(streams)


def test_wav2vec_is_frozen_uncounted_and_in_no_checkpoint(codec):
    codec.train()
    assert not codec.model.training and codec.encoder.training
    codec.eval()
    assert not any(parameter.requires_grad for parameter in codec.model.parameters())
    assert not any(name.startswith("model.") for name in codec.state_dict())
    trained = sum(parameter.numel() for parameter in codec.parameters() if parameter.requires_grad)
    assert codec.num_parameters() == trained


def test_parameters_at_the_published_size(monkeypatch):
    import transformers

    with torch.device("meta"):
        xlsr = transformers.Wav2Vec2Model(
            transformers.Wav2Vec2Config(hidden_size=1024, num_hidden_layers=1, num_attention_heads=16)
        )
        codec = BiCodec(BiCodecConfig(model_dir="x"), xlsr.eval(), True)
        postnet = FeatureDecoder(1024, 384, 2048, 6, 2, 1024)

    def millions(*parts) -> float:
        return sum(p.numel() for part in parts for p in part.parameters()) / 1e6

    voice = codec.voice
    assert millions(codec.encoder) == pytest.approx(30.49, abs=0.005)
    assert millions(codec.quantizer) == pytest.approx(0.08, abs=0.005)
    assert millions(voice.ecapa) == pytest.approx(8.87, abs=0.005)
    assert millions(voice.resampler) == pytest.approx(0.99, abs=0.005)
    assert millions(voice.output) == pytest.approx(4.2, abs=0.005)
    assert millions(codec.prenet) == pytest.approx(39.39, abs=0.005)
    assert millions(codec.generator) == pytest.approx(52.62, abs=0.02)
    assert millions(postnet) == pytest.approx(19.69, abs=0.005)
    assert codec.num_parameters() / 1e6 + millions(postnet) == pytest.approx(156.3, abs=0.1)
    assert codec.streams["global"].codebook_size == 4096 and codec.streams["semantic"].codebook_size == 8192


def test_the_nearest_entry_is_that_of_the_largest_cosine():
    torch.manual_seed(0)
    quantizer = FactorizedQuantizer(6, 50, 3)
    features = torch.randn(2, 7, 6)
    coded = quantizer(features)
    projected = quantizer.project(features)
    cosines = F.cosine_similarity(projected[:, :, None], quantizer.entries[None, None], dim=3)
    assert torch.equal(coded.codes, cosines.argmax(dim=2)) and torch.equal(
        quantizer.encode(features), coded.codes
    )
    assert torch.equal(quantizer.nearest(100 * projected), coded.codes)
    # The entries themselves are decoded, with their lengths, and gradients pass the choice by.
    torch.testing.assert_close(coded.values, quantizer.decode(coded.codes))
    expected = (projected - quantizer.entries[coded.codes]).square().mean()
    torch.testing.assert_close(coded.commitment, expected)
    coded.values.sum().backward()
    assert quantizer.down.bias.grad.abs().sum() > 0 and quantizer.entries.grad is None


def test_terms_of_the_codebook_are_finite_in_either_mode():
    quantizer = FactorizedQuantizer(6, 50, 3).eval()
    coded = quantizer(torch.randn(1, 4, 6))
    assert coded.commitment.isfinite() and coded.codebook.isfinite()
    coded.codebook.backward()
    assert quantizer.entries.grad.abs().sum() > 0 and quantizer.down.bias.grad is None


@pytest.mark.parametrize("one_plus_scale", [False, True])
def test_adaptive_norm_by_hand(one_plus_scale):
    torch.manual_seed(0)
    norm = AdaptiveLayerNorm(2, 3, one_plus_scale, eps=0.0)
    hidden, condition = torch.tensor([[[1.0, 2.0, 6.0]]]), torch.tensor([[0.5, -1.0]])
    normed = (hidden - 3.0) / (14.0 / 3.0) ** 0.5
    gain = condition @ norm.scale.weight.T + norm.scale.bias + one_plus_scale
    torch.testing.assert_close(norm(hidden, condition), normed * gain + norm.shift(condition))


def test_attentive_statistics_by_hand():
    pooling = AttentiveStatistics(2, 3)
    for parameter in pooling.parameters():
        torch.nn.init.zeros_(parameter)
    frames = torch.tensor([[[1.0, 3.0, 5.0], [2.0, 2.0, 8.0]]])
    # Scores of 0 weigh all frames alike: the mean and the deviation without correction.
    expected = torch.tensor([[3.0, 4.0, (8.0 / 3) ** 0.5, 8.0**0.5]])
    torch.testing.assert_close(pooling(frames), expected)
    # Scores that follow the frames' first channel alone draw all weight to its largest.
    pooling.hidden.weight.data[0, 0] = pooling.hidden.bias.data[1] = 1.0
    pooling.score.weight.data[:, 0] = 1e4
    torch.testing.assert_close(pooling(frames)[0, :2], torch.tensor([5.0, 8.0]), atol=0.5, rtol=0)


def test_a_resampler_gives_as_many_vectors_whatever_the_length():
    resampler = PerceiverResampler(5, 6, 4, 2, 2, 3)
    for length in (1, 30):
        vectors = resampler(torch.randn(2, length, 5))
        assert vectors.shape == (2, 4, 6)
        torch.testing.assert_close(vectors.square().mean(dim=2), torch.ones(2, 4))


def test_filters_are_those_of_torchaudio():
    from torchaudio.functional import melscale_fbanks

    expected = melscale_fbanks(513, 10.0, 8000.0, 128, 16000, norm="slaney", mel_scale="slaney")
    torch.testing.assert_close(slaney_mel_filters(16000, 1024, 128, 10.0), expected, atol=1e-6, rtol=1e-3)


def test_volume_by_hand():
    # 100 audible samples: the loud ones are those from 0.9 to 0.99 of the sorted, 0.91 .. 0.99 times the peak.
    ramp = torch.arange(1, 101) / 100.0
    gain = 0.2 / float(ramp[90:99].mean())
    torch.testing.assert_close(normalize_volume(ramp), ramp * gain)
    spike = torch.cat([ramp * 0.1, torch.tensor([1.0])])
    assert float(normalize_volume(spike).max()) == 1.0
    # Quiet ones are raised to a peak of 0.1; with nothing audible that is all.
    torch.testing.assert_close(normalize_volume(ramp * 0.005).max(), torch.tensor(0.1))
    assert not normalize_volume(torch.zeros(50)).any()


@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_the_generator_gives_a_hop_a_frame(num_frames):
    generator = WaveGenerator(3, 16, (8, 5, 4, 2), (16, 11, 8, 4))
    assert generator(torch.randn(2, num_frames, 3)).shape == (2, 320 * num_frames)


def test_faults(codec):
    with pytest.raises(ValueError, match="model_dir is required"):
        BiCodecConfig()
    with pytest.raises(ValueError, match="hop_length 320 as product"):
        BiCodecConfig(model_dir="x", strides=(8, 5, 4, 4))
    with pytest.raises(ValueError, match="sample_rate is 24000"):
        BiCodecConfig(model_dir="x", sample_rate=24000)
    with pytest.raises(ValueError, match="layers are"):
        BiCodecConfig(model_dir="x", layers=(0, 3))
    with pytest.raises(ValueError, match="more than half of n_fft"):
        BiCodecConfig(model_dir="x", voice_s=0.02)
    with pytest.raises(ValueError, match="a frame of the model is 320 samples"):
        BiCodec(replace(codec.config, hop_length=160, strides=(8, 5, 4, 1)), codec.model, True)
    with pytest.raises(ValueError, match="no config.json there"):
        BiCodec.from_config(BiCodecConfig(model_dir="nowhere"))
    with pytest.raises(ValueError, match="layer is 18 but .* has 17 layers"):
        BiCodec.from_config(replace(codec.config, layers=(11, 18)))
    with pytest.raises(ValueError, match="longer by an even"):
        UpsamplingBlock(4, 2, 10, 5)
    with pytest.raises(ValueError, match="channels 24 cannot be halved 4 times"):
        WaveGenerator(3, 24, (8, 5, 4, 2), (16, 11, 8, 4))


def test_it_is_trained_from_scratch_by_a_step_of_the_loop(tmp_path):
    """Generator and discriminator; wav2vec 2.0 stays, and everything else learns."""
    torch.manual_seed(0)
    config = BiCodecConfig(model_dir=str(write_xlsr(tmp_path)), **TINY)
    codec = BiCodec.from_config(config)
    conf = CodecTrainConf(codec="bicodec", objective="waveform", adversary="msstft", lr=3e-3, max_steps=40)
    objective = WaveformObjective(WaveformObjectiveConfig(window_lengths=(256,), num_mels=8), 16000)
    adversary = WaveformAdversary(WaveformAdversaryConfig(num_filters=2, n_ffts=(128,)))
    tones = torch.sin(2 * torch.pi * torch.tensor([[200.0], [500.0]]) * torch.arange(3200) / 16000)
    before = {name: value.clone() for name, value in codec.named_parameters()}
    step = CodecStep(conf, codec, objective, adversary, lambda: tones)
    step.prepare()
    step.train()
    losses = []
    for _ in range(12):
        step.begin()
        given = {"waveform": tones}
        for phase in step.phases:
            loss, stats, _, *following = phase.module(**given)
            phase.optimizer.zero_grad()
            loss.backward()
            phase.optimizer.step()
            given = following[0] if following else {}
            losses += [float(stats["spectral"])] if "spectral" in stats else []
        step.num_updates += 1
    assert losses[-1] < 0.9 * losses[0]
    moved = {
        name.split(".")[0] for name, value in codec.named_parameters() if not torch.equal(value, before[name])
    }
    assert moved == {"encoder", "quantizer", "voice", "prenet", "generator"}
    codec.eval()
    streams = codec.tokenize(tones, torch.tensor([3200, 3200]))
    assert codec.detokenize(streams).shape == (2, 3200)
