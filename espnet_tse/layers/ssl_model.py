"""Self-supervised speech models of local folders, as transformers saves them: hidden states of one layer."""

import json
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, Iterator, Sequence

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError

SAMPLE_RATE = 16000  # Hz, of every published one
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # transformers takes the first that is there
# ``model_type`` of config.json -> class of transformers; XLSR models are of type wav2vec2.
CLASSES = {"wavlm": "WavLMModel", "hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model"}
EXAMPLES = {
    "wavlm": "microsoft/wavlm-base-plus",
    "hubert": "facebook/hubert-base-ls960",
    "wav2vec2": "facebook/wav2vec2-large-xlsr-53",
}
KIND_NAMES = {"wavlm": "WavLM", "hubert": "HuBERT", "wav2vec2": "wav2vec 2.0"}


def hop_and_window(model: nn.Module) -> tuple[int, int]:
    """Samples a frame, and what the convolutions want for one frame."""
    kernels, strides = model.config.conv_kernel, model.config.conv_stride
    window = 1 + sum((kernel - 1) * prod(strides[:place]) for place, kernel in enumerate(kernels))
    return prod(strides), window


def margin_of(model: nn.Module, hop_length: int) -> int:
    """Samples of silence behind whole hops that give one frame a hop.

    Raises:
        ValueError: a frame of the model is not ``hop_length`` samples.
    """
    hop, window = hop_and_window(model)
    if hop != hop_length:
        raise ValueError(f"hop_length is {hop_length}, but a frame of the model is {hop} samples.")
    return window - hop


@torch.no_grad()
def hidden_states(
    model: nn.Module, signal: Tensor, normalize: bool, average: bool = False, layers: Sequence[int] = ()
) -> Tensor:
    """Output of the last layer that was opened, before any norm behind it: (b, N) -> (b, T, hidden size).

    Args:
        signal: unpadded rows; those shorter than one frame are padded to it.
        normalize: scale to zero mean and unit variance first, as some of the models want.
        average: the mean of what goes into the first layer and of what each layer gives, instead.
        layers: the mean of what these give, counted from 1, instead.
    """
    if normalize:
        signal = zero_mean_unit_variance(signal)
    signal = nn.functional.pad(signal, (0, max(hop_and_window(model)[1] - signal.size(1), 0)))
    if average:
        return torch.stack(model(signal, output_hidden_states=True).hidden_states).mean(dim=0)
    captured = []
    # Of large models the output is normalised behind the last layer, which would be a middle one here.
    hooks = [
        model.encoder.layers[layer - 1].register_forward_hook(lambda _, __, output: captured.append(output))
        for layer in layers or (len(model.encoder.layers),)
    ]
    try:
        model(signal)
    finally:
        for hook in hooks:
            hook.remove()
    states = [output[0] if isinstance(output, tuple) else output for output in captured]
    return states[0] if len(states) == 1 else torch.stack(states).mean(dim=0)


def zero_mean_unit_variance(signal: Tensor) -> Tensor:
    """(b, N) unpadded rows as transformers' feature extractor scales them, the epsilon included."""
    variance = signal.var(dim=1, keepdim=True, unbiased=False)
    return (signal - signal.mean(dim=1, keepdim=True)) / (variance + 1e-7).sqrt()


def identity_of(model: nn.Module, normalize: bool) -> Tensor:
    """(hidden size,) mean features of a fixed signal, by which another model or layer shows."""
    window = hop_and_window(model)[1]
    fixed = torch.randn(1, 4 * window, generator=torch.Generator().manual_seed(0))
    return hidden_states(model, fixed, normalize)[0].mean(dim=0)


def register_identity(owner: nn.Module, model: nn.Module, normalize: bool, fault: str) -> None:
    """Give ``owner`` a buffer ``identity``; loading weights with another one reports ``fault``.

    The model itself is in no checkpoint, so its weights would not be missed.
    """

    def refuse_another(module: nn.Module, state_dict: dict, prefix: str, *args) -> None:
        stored, errors = state_dict.get(f"{prefix}identity"), args[-1]
        if stored is not None and not is_same(module.identity, stored):
            errors.append(fault)

    owner.register_buffer("identity", identity_of(model, normalize))
    owner.register_load_state_dict_pre_hook(refuse_another)


def is_same(identity: Tensor, other: Tensor) -> bool:
    """Whether two identities are of one model; processors round a little differently."""
    return identity.shape == other.shape and torch.allclose(
        identity, other.to(identity), atol=1e-3, rtol=1e-2
    )


def open_ssl(folder: Path, layer: int, kinds: Sequence[str] = tuple(CLASSES)) -> nn.Module:
    """The model of a local folder without the layers behind ``layer``, frozen and in eval mode.

    Raises:
        DataError: none of ``kinds`` is there, too few layers, or transformers is missing.
    """
    config = read_config(folder, kinds)
    kind = config["model_type"]
    if layer > config["num_hidden_layers"]:
        raise DataError(f"layer is {layer} but {folder} has {config['num_hidden_layers']} layers.")
    try:
        import transformers
    except ImportError:
        raise DataError(f"model_dir {folder}: transformers is missing: pip install -e '.[ssl]'.") from None
    try:
        with quiet_transformers():
            model, report = getattr(transformers, CLASSES[kind]).from_pretrained(
                str(folder), num_hidden_layers=layer, local_files_only=True, output_loading_info=True
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"model_dir {folder}: its weights cannot be read: {error}") from error
    # transformers draws at random what a file lacks.
    missing = sorted(name for name in report["missing_keys"] if name != "masked_spec_embed")
    if missing:
        raise DataError(
            f"model_dir {folder}: its weights lack {len(missing)} tensors, the first is {missing[0]}."
        )
    return model.requires_grad_(False).eval()


def read_config(folder: Path, kinds: Sequence[str]) -> dict[str, Any]:
    """``config.json`` of a local folder.

    Raises:
        DataError: none of ``kinds`` is there.
    """
    if not (folder / "config.json").is_file():
        raise DataError(
            f"model_dir {folder}: no config.json there; save a {KIND_NAMES[kinds[0]]} into it, e.g. "
            f"'hf download {EXAMPLES[kinds[0]]} --local-dir <folder>'."
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    if kind not in kinds:
        raise DataError(f"model_dir {folder}: a model of type '{kind}', want {' or '.join(kinds)}.")
    return config


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Inside, transformers does not report what it leaves out: layers that are cut, heads that nobody reads."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def wants_normalized(folder: Path) -> bool:
    """``do_normalize`` of the folder's preprocessor_config.json; False without that file."""
    path = folder / "preprocessor_config.json"
    return path.is_file() and bool(json.loads(path.read_text(encoding="utf-8")).get("do_normalize"))


def files_of_ssl(folder: Path) -> list[Path]:
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
