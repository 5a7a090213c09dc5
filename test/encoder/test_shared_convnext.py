import pytest
import torch
from factories import TableCodec, make_batch, take_row

from espnet_tse.encoder.shared_convnext import SharedConvNeXtConfig, SharedConvNeXtEncoder
from espnet_tse.frontend.codec_latent import CodecLatent
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig

WIDTH = 16  # of TableCodec's embeddings


def make_encoder(frontend, **conf):
    torch.manual_seed(0)
    config = SharedConvNeXtConfig(channels=12, num_blocks=2, **conf)
    return SharedConvNeXtEncoder.from_config(config, frontend, WIDTH).eval()


def codec_latent():
    return make_encoder(CodecLatent(TableCodec()), residual=True)


def log_mel():
    return make_encoder(LogMel(LogMelConfig(num_mels=64)), residual=False, feature_scale=0.025)


@pytest.mark.parametrize("make, frame_rate", [(codec_latent, 25.0), (log_mel, 62.5)])
def test_conditions_do_not_depend_on_batch_padding(make, frame_rate):
    encoder, batch = make(), make_batch([0.31, 0.7], [0.6, 0.2], TableCodec())
    with torch.no_grad():
        together = encoder(batch)
        for row in range(2):
            alone = encoder(take_row(batch, row))
            for name in ("mixture", "enrollment"):
                frames, single = together.streams[name], alone.streams[name]
                length = single.values.size(1)
                assert int(frames.lengths[row]) == length and frames.frame_rate == frame_rate
                own = frames.values[row, :length]
                torch.testing.assert_close(own, single.values[0], atol=1e-4, rtol=1e-4)
                assert not frames.values[row, length:].any()
    assert together.mixture_waveform is batch.mixture
    assert together.mixture_num_samples is batch.mixture_lengths


def test_both_signals_go_through_the_same_weights():
    encoder, batch = codec_latent(), make_batch([0.5], [0.5], TableCodec())
    batch.enrollment = batch.mixture.clone()
    conditions = encoder(batch)
    torch.testing.assert_close(conditions.streams["mixture"].values, conditions.streams["enrollment"].values)


def test_residual_adds_the_features():
    encoder, batch = codec_latent(), make_batch([0.5], [0.3], TableCodec())
    torch.nn.init.zeros_(encoder.stack.output.weight)
    torch.nn.init.zeros_(encoder.stack.output.bias)
    features = encoder.frontend(batch.mixture, batch.mixture_lengths)
    torch.testing.assert_close(encoder(batch).streams["mixture"].values, features.values)


def test_residual_refuses_features_of_another_width():
    with pytest.raises(ValueError, match="width 64 to an output of width 16"):
        make_encoder(LogMel(LogMelConfig(num_mels=64)), residual=True)


@pytest.mark.parametrize("name", ["channels", "num_blocks"])
def test_sizes_are_checked(name):
    with pytest.raises(ValueError, match="positive"):
        SharedConvNeXtConfig(**{name: 0})
