"""The frozen autoencoder as vocoder."""

import torch
from nano_solo_speech import linear_autoencoder

from espnet_tse.schema import Conditions, Frames, Prediction, Streams
from espnet_tse.vocoder.latent_decoder import LatentDecoder, LatentDecoderConfig


def test_it_is_the_autoencoder_s_decoder_frozen_and_in_no_checkpoint():
    autoencoder = linear_autoencoder()
    decoder = LatentDecoder.from_config(LatentDecoderConfig(), autoencoder).train()
    assert not autoencoder.training and not decoder.state_dict()
    assert not any(parameter.requires_grad for parameter in decoder.parameters())
    latents = Frames(torch.randn(2, 5, 16, requires_grad=True), torch.tensor([5, 3]), 50.0)
    prediction = Prediction(Streams(latent=latents))
    waveform = decoder.synthesize(prediction, Conditions(Streams()))
    assert torch.equal(waveform, autoencoder.decode(prediction.streams))
    waveform.sum().backward()
    assert latents.values.grad.any()
