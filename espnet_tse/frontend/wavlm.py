"""Features of a frozen WavLM, read from a local folder."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.layers.ssl_model import (
    CLASSES,
    SAMPLE_RATE,
    hidden_states,
    hop_and_window,
    open_ssl,
    register_identity,
    wants_normalized,
)
from espnet_tse.schema import Frames
from espnet_tse.schema.padding import valid_mask


@dataclass(frozen=True)
class WavLMConfig:
    """Which WavLM; the paper (arXiv:2601.06006, Table III "WavLM input") names neither model nor layer."""

    model_dir: str = ""  # folder of config.json and weights as transformers saves them
    layer: int = 6  # 1 .. number of layers; features are the output of this one
    # Or the mean of the outputs of all layers up to it and of the first one's input, as in UniSE (arXiv:2510.20441).
    average: bool = False
    # Zeros before the signal and behind its whole hops, samples. UniSE's 160 give one frame a hop; without, the
    # last frame is lacking.
    margin: int = 0

    def __post_init__(self):
        if not self.model_dir:
            raise ValueError(
                "model_dir is required: a folder of WavLM as transformers saves it (config.json, weights)."
            )
        if self.layer < 1:
            raise ValueError(f"layer is {self.layer}, want 1 or more.")
        if self.margin < 0:
            raise ValueError(f"margin is {self.margin}, want samples, 0 or more.")


class WavLM(AbsFrontend):
    """Waveform -> hidden states of one layer, 50 Hz; no gradient flows and no weight is in a checkpoint.

    Checkpoints keep the features of a fixed signal instead, and refuse another WavLM than they were
    trained with.
    """

    Config = WavLMConfig
    kinds: tuple[str, ...] = ("wavlm",)

    def __init__(self, wavlm: nn.Module, normalize: bool, average: bool = False, margin: int = 0):
        """
        Args:
            wavlm: transformers' WavLMModel, cut behind the layer that is wanted.
            normalize: scale to zero mean and unit variance first, as some of the models want.
            average, margin: see ``WavLMConfig``.
        """
        super().__init__()
        self.wavlm, self.normalize, self.average, self.margin = wavlm, normalize, average, margin
        leave_out_of_checkpoints(self, "wavlm")
        self.hop_length = hop_and_window(wavlm)[0]
        fault = "the checkpoint was trained with another WavLM or layer than frontend_conf names; restore it"
        register_identity(self, wavlm, normalize, fault)

    @classmethod
    def from_config(cls, config: WavLMConfig, codec: AbsCodec | None = None) -> "WavLM":
        """Open the folder; the codec only says at which rate the system works.

        Raises:
            ValueError: no WavLM there, too few layers, another sample rate, or transformers is missing.
        """
        if codec is not None and codec.spec.sample_rate != SAMPLE_RATE:
            raise ValueError(
                f"frontend wavlm works at {SAMPLE_RATE} Hz but the codec at {codec.spec.sample_rate} Hz; "
                "use another frontend or codec."
            )
        folder = Path(config.model_dir)
        model = open_ssl(folder, config.layer, cls.kinds)
        return cls(model, wants_normalized(folder), config.average, config.margin)

    def train(self, mode: bool = True) -> "WavLM":
        super().train(mode)
        self.wavlm.eval()  # frozen: no dropout, no masking, no skipped layers
        return self

    @property
    def output_dim(self) -> int:
        return self.wavlm.config.hidden_size

    @property
    def frame_rate(self) -> float:
        return SAMPLE_RATE / self.hop_length

    def forward(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """(B, N) samples -> (B, T, hidden size), zeros at padding; each row as if it were alone.

        Rows are scaled to a peak of 1, and those shorter than one frame padded to it.
        """
        waveform = waveform * valid_mask(lengths, waveform.size(1))
        waveform = waveform / waveform.abs().amax(dim=1, keepdim=True).clamp_min(1e-8)
        rows = map_equal_length(self.features, waveform, lengths)
        num_frames = torch.tensor([len(row) for row in rows], device=waveform.device)
        return Frames(pad_sequence(rows, batch_first=True), num_frames, self.frame_rate)

    def features(self, signal: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, T, hidden size)."""
        if self.margin:
            signal = nn.functional.pad(signal, (self.margin, self.margin + -signal.size(1) % self.hop_length))
        return hidden_states(self.wavlm, signal, self.normalize, self.average)


class SSL(WavLM):
    """The same of WavLM, HuBERT or wav2vec 2.0 (XLSR)."""

    kinds = tuple(CLASSES)
