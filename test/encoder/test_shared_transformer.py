import pytest
import torch
from factories import NANO, TableCodec, make_batch, take_row

from espnet_tse.encoder.shared_transformer import SharedTransformerConfig, SharedTransformerEncoder
from espnet_tse.frontend.codec_latent import CodecLatent
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig

WIDTH = 16  # of TableCodec's embeddings


def make_encoder(frontend, position="rotary", **conf):
    torch.manual_seed(0)
    config = SharedTransformerConfig(num_layers=1, position=position, **NANO, **conf)
    return SharedTransformerEncoder.from_config(config, frontend, WIDTH).eval()


def codec_latent(position):
    return make_encoder(CodecLatent(TableCodec()), position)


def log_mel(position):
    return make_encoder(LogMel(LogMelConfig(num_mels=64)), position, feature_scale=0.025)


@pytest.mark.parametrize("position", ["rotary", "relative"])
@pytest.mark.parametrize("make, frame_rate", [(codec_latent, 25.0), (log_mel, 62.5)])
def test_conditions_do_not_depend_on_batch_padding(make, frame_rate, position):
    encoder, batch = make(position), make_batch([0.31, 0.7], [0.6, 0.2], TableCodec())
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


def test_an_untrained_residual_encoder_gives_the_features():
    encoder = make_encoder(CodecLatent(TableCodec()), residual=True)
    torch.nn.init.zeros_(encoder.project.bias)
    batch = make_batch([0.5, 0.3], [0.3, 0.4], TableCodec())
    conditions = encoder(batch)
    for frames, signal in (
        (conditions.streams["mixture"], "mixture"),
        (conditions.streams["enrollment"], "enrollment"),
    ):
        features = encoder.frontend(getattr(batch, signal), getattr(batch, f"{signal}_lengths"))
        torch.testing.assert_close(frames.values, features.values)


def test_residual_refuses_features_of_another_width():
    with pytest.raises(ValueError, match="width 64 to an output of width 16"):
        make_encoder(LogMel(LogMelConfig(num_mels=64)), residual=True)
