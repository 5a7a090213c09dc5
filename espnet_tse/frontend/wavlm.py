"""Features of a frozen WavLM, read from a local folder."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.schema import Frames
from espnet_tse.schema.padding import valid_mask

SAMPLE_RATE = 16000  # Hz, of every published WavLM
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # transformers takes the first that is there


@dataclass(frozen=True)
class WavLMConfig:
    """Which WavLM; the paper (arXiv:2601.06006, Table III "WavLM input") names neither model nor layer."""

    model_dir: str = ""  # folder of config.json and weights as transformers saves them
    layer: int = 6  # 1 .. number of layers; features are the output of this one

    def __post_init__(self):
        if not self.model_dir:
            raise ValueError(
                "model_dir is required: a folder of WavLM as transformers saves it (config.json, weights)."
            )
        if self.layer < 1:
            raise ValueError(f"layer is {self.layer}, want 1 or more.")


class WavLM(AbsFrontend):
    """Waveform -> hidden states of one layer, 50 Hz; no gradient flows and no weight is in a checkpoint.

    Checkpoints keep the features of a fixed signal instead, and refuse another WavLM than they were
    trained with.
    """

    Config = WavLMConfig

    def __init__(self, wavlm: nn.Module, normalize: bool):
        """
        Args:
            wavlm: transformers' WavLMModel, cut behind the layer that is wanted.
            normalize: scale to zero mean and unit variance first, as some of the models want.
        """
        super().__init__()
        self.wavlm, self.normalize = wavlm.requires_grad_(False).eval(), normalize
        leave_out_of_checkpoints(self, "wavlm")
        kernels, strides = wavlm.config.conv_kernel, wavlm.config.conv_stride
        self.hop_length = prod(strides)
        # Samples that the convolutions want for one frame.
        self.window = 1 + sum((kernel - 1) * prod(strides[:place]) for place, kernel in enumerate(kernels))
        fixed = torch.randn(1, 4 * self.window, generator=torch.Generator().manual_seed(0))
        self.register_buffer("identity", self.features(fixed)[0].mean(dim=0))
        self.register_load_state_dict_pre_hook(refuse_another)

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
        return cls(open_wavlm(Path(config.model_dir), config.layer), wants_normalized(Path(config.model_dir)))

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

    @torch.no_grad()
    def features(self, signal: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, T, hidden size)."""
        if self.normalize:
            # As transformers' feature extractor does it, the epsilon included.
            variance = signal.var(dim=1, keepdim=True, unbiased=False)
            signal = (signal - signal.mean(dim=1, keepdim=True)) / (variance + 1e-7).sqrt()
        signal = nn.functional.pad(signal, (0, max(self.window - signal.size(1), 0)))
        captured = []
        # Of large models the output is normalised behind the last layer, which would be the middle one here.
        hook = self.wavlm.encoder.layers[-1].register_forward_hook(
            lambda _, __, output: captured.append(output)
        )
        try:
            self.wavlm(signal)
        finally:
            hook.remove()
        return captured[0][0] if isinstance(captured[0], tuple) else captured[0]


def open_wavlm(folder: Path, layer: int) -> nn.Module:
    """The WavLM of a local folder without the layers behind ``layer``."""
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"model_dir {folder}: no config.json there; save a WavLM into it, e.g. "
            "'hf download microsoft/wavlm-base-plus --local-dir <folder>'."
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "wavlm":
        raise ValueError(f"model_dir {folder}: a model of type '{config.get('model_type')}', want wavlm.")
    if layer > config["num_hidden_layers"]:
        raise ValueError(f"layer is {layer} but {folder} has {config['num_hidden_layers']} layers.")
    try:
        from transformers import WavLMModel
    except ImportError:
        raise ValueError("frontend wavlm needs transformers: pip install -e '.[ssl]'.") from None
    try:
        wavlm, report = WavLMModel.from_pretrained(
            str(folder), num_hidden_layers=layer, local_files_only=True, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"model_dir {folder}: its weights cannot be read: {error}") from error
    # transformers draws at random what a file lacks.
    missing = sorted(name for name in report["missing_keys"] if name != "masked_spec_embed")
    if missing:
        raise ValueError(
            f"model_dir {folder}: its weights lack {len(missing)} tensors, the first is {missing[0]}."
        )
    return wavlm


def wants_normalized(folder: Path) -> bool:
    """``do_normalize`` of the folder's preprocessor_config.json; False without that file."""
    path = folder / "preprocessor_config.json"
    return path.is_file() and bool(json.loads(path.read_text(encoding="utf-8")).get("do_normalize"))


def files_of_wavlm(folder: Path) -> list[Path]:
    """What is read of a folder: a copy of these files opens elsewhere.

    Raises:
        ValueError: the weights are not in one file.
    """
    weights = [folder / name for name in WEIGHTS if (folder / name).is_file()][:1]
    if not weights:
        raise ValueError(f"model_dir {folder}: want the weights in one file, {' or '.join(WEIGHTS)}.")
    settings = [
        folder / name for name in ("config.json", "preprocessor_config.json") if (folder / name).is_file()
    ]
    return settings + weights


def refuse_another(
    frontend: WavLM,
    state_dict: dict,
    prefix: str,
    metadata: dict,
    strict: bool,
    missing: list,
    unexpected: list,
    errors: list,
) -> None:
    """Report a checkpoint of another WavLM among the faults of loading it."""
    stored = state_dict.get(f"{prefix}identity")
    here = frontend.identity
    if stored is not None and (
        stored.shape != here.shape or not torch.allclose(stored.to(here), here, atol=1e-3, rtol=1e-2)
    ):
        errors.append(
            "the checkpoint was trained with another WavLM or layer than frontend_conf names; restore it"
        )
