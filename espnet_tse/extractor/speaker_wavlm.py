"""A speaker encoder that other speech has trained: WavLM with an x-vector head."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.layers.ssl_model import SAMPLE_RATE, quiet_transformers, zero_mean_unit_variance

SHORTEST = 5200  # samples: two frames behind the head's convolutions; one has no standard deviation


@dataclass(frozen=True)
class SpeakerWavLMConfig:
    """Where the weights come from when a training begins; from then on they belong to the model."""

    model_dir: str = "downloads/wavlm-base-plus-sv"  # as transformers saves WavLMForXVector
    # What differs from transformers' WavLMConfig, whose defaults are those of wavlm-base-plus-sv.
    sizes: dict[str, Any] = field(default_factory=dict)


class SpeakerWavLM(AbsSpeakerEncoder):
    """Frozen WavLM-Base+ and an x-vector head, 512 values at full size (arXiv:2110.13900, Sec. V)."""

    Config = SpeakerWavLMConfig
    takes_waveform = True
    sample_rate = SAMPLE_RATE

    def __init__(self, config: SpeakerWavLMConfig):
        """
        Raises:
            ValueError: transformers is missing, or has no such sizes.
        """
        super().__init__()
        try:
            from transformers import WavLMConfig, WavLMForXVector
        except ImportError:
            raise ValueError("speaker_encoder wavlm wants transformers: pip install -e '.[ssl]'.") from None
        self.folder = Path(config.model_dir)
        try:
            settings = WavLMConfig(**{"use_weighted_layer_sum": True, **config.sizes})
            self.wavlm = without_objective(WavLMForXVector(settings)).requires_grad_(False).eval()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"sizes {config.sizes} make no WavLM: {error}") from error
        self.output_dim = settings.xvector_output_dim

    @classmethod
    def from_config(cls, config: SpeakerWavLMConfig, input_dim: int) -> "SpeakerWavLM":
        return cls(config)

    def start_from_pretrained(self) -> None:
        """Take the weights of ``model_dir``.

        Raises:
            DataError: they are missing, unreadable, or of other sizes.
        """
        from transformers import WavLMForXVector

        fetch = "fetch microsoft/wavlm-base-plus-sv into it, or set model_dir in speaker_encoder_conf"
        if not (self.folder / "config.json").is_file():
            raise DataError(f"{self.folder}: no config.json there; {fetch}.")
        try:
            with quiet_transformers():
                found, report = WavLMForXVector.from_pretrained(
                    str(self.folder), local_files_only=True, output_loading_info=True, dtype=torch.float32
                )
            missing = [name for name in report["missing_keys"] if not name.endswith("masked_spec_embed")]
            if missing:
                raise ValueError(f"{len(missing)} tensors are missing, the first is {sorted(missing)[0]}")
            self.wavlm.load_state_dict(without_objective(found).state_dict())
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{self.folder}: not this x-vector model ({error}); {fetch}.") from error

    def train(self, mode: bool = True) -> "SpeakerWavLM":
        super().train(mode)
        self.wavlm.eval()  # frozen: no dropout, no masking
        return self

    @torch.no_grad()
    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N) waveforms at any level and samples a row (B,) -> (B, E); each row as if it were alone."""
        if lengths is None:
            return self.embed(values)
        return torch.stack(map_equal_length(self.embed, values, lengths))

    def embed(self, signal: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, E); those that are too short are repeated."""
        if signal.size(1) < SHORTEST:
            signal = signal.repeat(1, -(-SHORTEST // signal.size(1)))[:, :SHORTEST]
        return self.wavlm(zero_mean_unit_variance(signal.float())).embeddings


def without_objective(wavlm: nn.Module) -> nn.Module:
    """``wavlm`` without its classes of training speakers."""
    wavlm.objective = nn.Identity()
    return wavlm
