"""Sizes of the FunCodec type, against the figures counted from the released configurations."""

import pytest

from espnet_tse.codec.funcodec import FunCodec, FunCodecConfig

MINI = FunCodecConfig(num_filters=4, lstm_layers=1, num_codebooks=4, codebook_size=64, embedding_dim=32)


@pytest.mark.parametrize(
    "config, encoder, decoder", [(FunCodecConfig(), 28_775_184, 28_774_803), (MINI, 335_234, 335_141)]
)
def test_parameter_counts(config, encoder, decoder):
    codec = FunCodec(config)
    counts = [sum(p.numel() for p in part.parameters()) for part in (codec.encoder, codec.decoder)]
    assert counts == [encoder, decoder]
    assert codec.codebooks.shape == (config.num_codebooks, config.codebook_size, config.embedding_dim)
    assert codec.spec.hop_length == 640 and codec.spec.frame_rate == 25
