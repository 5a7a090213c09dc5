"""A speaker encoder that other speech has trained: GE2E's LSTM with the weights of Resemblyzer."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import melscale_fbanks

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.layers.autocast import as_autocast_computes
from espnet_tse.schema.padding import valid_mask

WINDOW, HOP, NUM_MELS = 400, 160, 40  # samples at 16 kHz, bands
PARTIAL, STEP = 160, 77  # frames of a partial utterance, and from one to the next
MIN_COVERAGE = 0.75  # of the last partial utterance
LEVEL = 10 ** (-30 / 20)  # RMS; the network hears the level
WIDTH = 256


@dataclass(frozen=True)
class SpeakerGE2EConfig:
    """The architecture is that of the weights."""

    frozen: bool = True  # false: training goes on from the pretrained weights


class SpeakerGE2E(AbsSpeakerEncoder):
    """Three LSTM layers over 1.6 s of power-mel frames, linear layer, ReLU, unit length, mean over partials.

    Source: arXiv:1710.10467; weights and settings of Resemblyzer 0.1.4 (Apache-2.0; VoxCeleb 1 and 2,
    LibriSpeech's train-other-500). They are read when a training begins and belong to the model from then on.
    The embedding has RMS 1 instead of length 1, so that a fusion layer sees values of order 1.
    """

    Config = SpeakerGE2EConfig
    takes_waveform = True
    sample_rate = 16000  # Hz, of the weights
    output_dim = WIDTH

    def __init__(self, config: SpeakerGE2EConfig):
        super().__init__()
        self.frozen = config.frozen
        self.lstm = nn.LSTM(NUM_MELS, WIDTH, num_layers=3, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.requires_grad_(not config.frozen)
        filters = melscale_fbanks(
            WINDOW // 2 + 1,
            0.0,
            self.sample_rate / 2,
            NUM_MELS,
            self.sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    @classmethod
    def from_config(cls, config: SpeakerGE2EConfig, input_dim: int) -> "SpeakerGE2E":
        return cls(config)

    def start_from_pretrained(self) -> None:
        """Take the weights of the installed Resemblyzer package; its code is not imported.

        Raises:
            DataError: the package is not installed.
        """
        package = find_spec("resemblyzer")
        if package is None:
            raise DataError(
                "speaker_encoder ge2e starts from the weights of the package Resemblyzer, which is not "
                "installed: pip install --no-deps resemblyzer==0.1.4"
            )
        path = Path(package.submodule_search_locations[0]) / "pretrained.pt"
        states = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        wanted = self.state_dict()
        self.load_state_dict({name: states[name] for name in wanted})

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N) waveforms at any level, zeros at padding, and samples a row (B,) -> (B, 256)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            if lengths is None:
                partials = self.partials(values, values.size(1), num_partials(values.size(1)))
                units = self.units(partials.flatten(0, 1)).unflatten(0, partials.shape[:2])
            else:
                counts = num_partials(lengths)
                partials = self.partials(values, lengths, int(counts.max()))
                heard = valid_mask(counts, partials.size(1))
                units = self.units(partials[heard])
                units = units.new_zeros(*heard.shape, WIDTH).masked_scatter(heard[..., None], units)
            return F.normalize(units.sum(dim=1), dim=-1) * WIDTH**0.5

    def units(self, partials: Tensor) -> Tensor:
        """(P, 160, 40) -> (P, 256) of length 1."""
        _, (hidden, _) = self.lstm(as_autocast_computes(partials))
        return F.normalize(self.linear(hidden[-1]).relu().float(), dim=-1)

    def partials(self, waveform: Tensor, lengths: Tensor | int, count: int) -> Tensor:
        """(B, N) -> (B, count, 160, 40): frames of the first ``count`` partial utterances."""
        return self.frames(waveform, lengths, count).unfold(1, PARTIAL, STEP).transpose(2, 3)

    def frames(self, waveform: Tensor, lengths: Tensor | int, partials: int) -> Tensor:
        """(B, T, 40) powers in mel bands, T those of ``partials`` partial utterances."""
        with torch.autocast(waveform.device.type, enabled=False):
            waveform = waveform.float()
            level = (waveform.square().sum(dim=1) / lengths).sqrt().clamp_min(1e-8)
            wanted = ((partials - 1) * STEP + PARTIAL) * HOP
            missing = torch.sym_max(0, wanted - waveform.size(1))
            scaled = F.pad(waveform * (LEVEL / level)[:, None], (0, missing))
            power = torch.view_as_real(
                torch.stft(scaled, WINDOW, HOP, window=self.window, pad_mode="constant", return_complex=True)
            )
            return (power.square().sum(dim=-1).transpose(1, 2) @ self.filters)[
                :, : (partials - 1) * STEP + PARTIAL
            ]


def num_partials(lengths: Tensor | int) -> Tensor | int:
    """Partial utterances of signals of ``lengths`` (B,) samples; the last is kept if 75 % of it is there."""
    behind = lengths - round(MIN_COVERAGE * PARTIAL) * HOP
    return 1 + (behind.clamp_min(0) if isinstance(behind, Tensor) else torch.sym_max(0, behind)) // (
        STEP * HOP
    )
