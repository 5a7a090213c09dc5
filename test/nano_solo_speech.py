"""SoloSpeech at the size of unit tests, on the latents of a linear autoencoder."""

import torch
from tiny_tokenizers import HOP, LinearAutoencoder, LinearAutoencoderConfig

from espnet_tse.models.solo_speech import SoloSpeech
from espnet_tse.schema import Streams, TSEBatch
from espnet_tse.tasks.build import build_part

WIDTH = 16  # of the latents
PARTS = {
    "encoder": "latent_sequence",
    "encoder_conf": {"width": 8, "num_layers": 1, "num_heads": 1, "context_dim": 6},
    "lm": "latent_diffusion",
    "lm_conf": {"width": 16, "num_layers": 2, "num_heads": 2},
    "vocoder": "latent_decoder",
    "model": "solo_speech",
}
SPEAKER = {
    "encoder": "latent_speaker",
    "encoder_conf": {},
    "speaker_encoder": "resnet34",
    "speaker_encoder_conf": {"width": 2, "num_blocks": [1, 1, 1, 1], "output_dim": 4},
}


def linear_autoencoder() -> LinearAutoencoder:
    torch.manual_seed(0)
    return LinearAutoencoder(LinearAutoencoderConfig(WIDTH))


def nano_solo_speech(shake: bool = True, **changes) -> SoloSpeech:
    """In eval mode; with ``shake`` as if trained, for at first the enrollment is not heard."""
    autoencoder = linear_autoencoder()
    model = build_part("model", "model", {**PARTS, **changes}, {"latent": autoencoder})
    if shake:
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


def make_batch(mixture=(2000, 1500), enrollment=(1200, 1700), keys=("a", "b"), seed: int = 0) -> TSEBatch:
    """Noise of these numbers of samples, targets half as loud, and their latents."""
    generator = torch.Generator().manual_seed(seed)

    def signals(lengths):
        padded = torch.randn(len(lengths), max(lengths), generator=generator) * 0.1
        return padded * (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None])

    mixtures, enrollments = signals(mixture), signals(enrollment)
    target, lengths = 0.5 * mixtures, torch.tensor(mixture)
    with torch.no_grad():
        latents = linear_autoencoder().encode(target, lengths)
    assert latents["latent"].values.size(1) == -(-max(mixture) // HOP)
    return TSEBatch(
        *(mixtures, lengths, enrollments, torch.tensor(enrollment)),
        sample_rate=16000,
        keys=list(keys),
        target=target,
        targets=Streams(latents),
        speaker=torch.arange(len(mixture)),
    )
