"""Weights of Whisper recognisers: found by path, below ``--model_dir`` or in the hub's cache; never downloaded."""

from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.measure.hub_cache import hub_snapshot
from espnet_tse.scoring.measure.weight_files import chosen_files, folder_fault

_TORCH_WEIGHTS = "model.safetensors|pytorch_model.bin"
# The weights come last.
FILES = {
    "whisper": (),
    # Without tokenizer.json the package asks the hub for one.
    "faster_whisper": ("config.json", "tokenizer.json", "model.bin"),
    "hf_whisper": (
        "config.json",
        "generation_config.json",
        "preprocessor_config.json|processor_config.json",
        "tokenizer.json|vocab.json",
        _TORCH_WEIGHTS,
    ),
}
FOLDERS = {"whisper": "whisper", "faster_whisper": "faster-whisper", "hf_whisper": "hf"}
# sha256 of the published files, from the addresses in openai-whisper 20250625; sizes from its README.
PUBLISHED = {
    "tiny": ("65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9", "75 MB"),
    "tiny.en": ("d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03", "75 MB"),
    "base": ("ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e", "145 MB"),
    "base.en": ("25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead", "145 MB"),
    "small": ("9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794", "480 MB"),
    "small.en": ("f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872", "480 MB"),
    "medium": ("345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1", "1.5 GB"),
    "medium.en": ("d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f", "1.5 GB"),
    "large-v1": ("e4b87e7e0bf463eb8e6956e646f1e277e901512310def2c24bf0e11bd3c28e9a", "3 GB"),
    "large-v2": ("81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524", "3 GB"),
    "large-v3": ("e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb", "3 GB"),
    "large-v3-turbo": ("aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a", "1.6 GB"),
}
_ADDRESS = "https://openaipublic.azureedge.net/main/whisper/models"
BASE_BYTES = 145e6  # of the model that the costs in the registry were measured with


def locate(spec: AsrSpec, model_dir: Path | None) -> Path:
    """The file or folder of a Whisper's weights.

    Raises:
        DataError: it is nowhere, or incomplete.
    """
    places = _places(spec, model_dir)
    if not places and _is_path(spec):
        fault = "no such file, nor one of that name in a folder of weights; fix the path"
        get = f"get it with: {_download(spec, model_dir)}"
        raise DataError(f"--asr {spec.kind}:{spec.weights}: {fault}, or {get}")
    if not places:
        where = f" or in --model_dir {model_dir}" if model_dir else "; --model_dir is not given"
        fault = f"not there{where}"
    elif reason := _fault(spec, places[0]):
        fault = f"{places[0]}: {reason}"
    else:
        return places[0]
    raise DataError(f"--asr {spec.kind}:{spec.weights}: {fault}; get it with: {_download(spec, model_dir)}")


def _is_path(spec: AsrSpec) -> bool:
    """Whether a Whisper is given as the path of a file rather than the name of a model."""
    return spec.kind == "whisper" and len(spec.weights.parts) > 1


def _places(spec: AsrSpec, model_dir: Path | None) -> list[Path]:
    """Everything of that name: the path itself, below ``model_dir``, in the hub's cache."""
    name, folder = spec.weights, (model_dir / FOLDERS[spec.kind] if model_dir else None)
    if spec.kind == "whisper":
        below = [folder / name, folder / f"{name}.pt"] if folder else []
        return [path for path in [name, *below] if path.is_file()]
    # A hub id is "owner/name"; below the folder it is kept by its name.
    below = [folder / name, folder / name.name] if folder else []
    snapshot = hub_snapshot(str(name)) if len(name.parts) == 2 else None
    return [path for path in [name, *below, snapshot] if path is not None and path.is_dir()]


def _fault(spec: AsrSpec, path: Path) -> str | None:
    if spec.kind != "whisper":
        return folder_fault(path, FILES[spec.kind], 1)
    with path.open("rb") as file:
        start = file.read(2)
    # A zip archive or a pickle, as torch saves them.
    return None if start[:1] == b"\x80" or start == b"PK" else "is not a torch file (an error page?)"


def _download(spec: AsrSpec, model_dir: Path | None) -> str:
    name = spec.weights.name.removesuffix(".pt")
    place = (model_dir or Path("<model_dir>")) / FOLDERS[spec.kind]
    if spec.kind == "whisper":
        digest, size = PUBLISHED.get(name, ("<sha256>", "size unknown"))
        file = spec.weights if _is_path(spec) else place / f"{name}.pt"
        return f"curl -Lo {file} --create-dirs {_ADDRESS}/{digest}/{name}.pt ({size}, MIT)"
    owner = {"faster_whisper": "Systran", "hf_whisper": "openai"}[spec.kind]
    hub_id = spec.weights if len(spec.weights.parts) == 2 else f"{owner}/{name}"
    return f"hf download {hub_id} --local-dir {place / name} (MIT as published)"


def loaded_files(spec: AsrSpec) -> list[Path] | None:
    """Files of a located folder that its text depends on; None for a single file."""
    files = FILES[spec.kind]
    return [path for path in chosen_files(spec.weights, files) if path] if files else None


def unlike_published(spec: AsrSpec, digest: str) -> bool:
    """Whether a file bears the name of a published model but holds something else."""
    known = PUBLISHED.get(spec.weights.name.removesuffix(".pt")) if spec.kind == "whisper" else None
    return known is not None and digest != known[0]


def relative_cost(spec: AsrSpec) -> float:
    """Cost relative to the base model in float16; it grows roughly with the size of the weights."""
    weights = (loaded_files(spec) or [spec.weights])[-1]
    scale = 2.0 if spec.kind == "hf_whisper" else 1.0  # stored in float32
    return max(weights.stat().st_size / scale / BASE_BYTES, 0.1)
