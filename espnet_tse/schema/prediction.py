"""What a generator hands to a vocoder."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.schema.codes import Codes
from espnet_tse.schema.frames import Frames


@dataclass
class Prediction:
    """The target as codes, embeddings, latents or a spectrum; a system fills what it predicts."""

    codes: Codes | None = None  # (B, K, T)
    embeddings: Frames | None = None  # (B, T, D), codec or unit embeddings
    latent: Frames | None = None  # (B, T, D), VAE latents or mel frames
    spectrum: Tensor | None = None  # (B, T, F) complex
    num_function_evaluations: int = 0  # NFE: passes through the generator, as decode.json reports
