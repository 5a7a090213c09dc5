"""The weight files of the measures: where each one is, how to recognise it, where to get it.

Nothing is downloaded here: for a missing file, the message says where to get it.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.scoring.measure.hub_cache import hub_snapshot


@dataclass(frozen=True)
class Places:
    """Folders in which weights are looked for, besides the installed wheels."""

    model_dir: Path | None = None
    dnsmos_dir: Path | None = None


@dataclass(frozen=True)
class WheelWeight:
    """A file (or folder) that a wheel carries; ``sha256`` is its start as first measured ("" = any)."""

    package: str
    relative: str
    sha256: str
    licence: str
    override: str = ""  # folder below --model_dir that takes precedence over the wheel

    def find(self, places: Places) -> Path | None:
        """Its path, without importing the package; None when it is not there."""
        if self.override and places.dnsmos_dir:
            return _existing(places.dnsmos_dir / self.relative)
        if self.override and places.model_dir and (places.model_dir / self.override).is_dir():
            return _existing(places.model_dir / self.override / self.relative)
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        return _existing(Path(next(iter(spec.submodule_search_locations))) / self.relative)

    def problem(self, places: Places) -> str | None:
        """What is wrong with it and how to fix it; None when it can be used."""
        if self.find(places) is not None:
            return None
        place = places.dnsmos_dir if self.override and places.dnsmos_dir else f"the package '{self.package}'"
        return f"weight file {self.relative} is not in {place} (install {self.package})"


@dataclass(frozen=True)
class LocalWeight:
    """A file, or a folder with ``files`` in it, below ``--model_dir``.

    In ``files`` "a|b" asks for one of them, the first found being the one that is loaded. ``min_bytes`` of the
    last file (or of the file itself) tells an error page or a cut download from weights. ``hub``: a
    Hugging Face id whose snapshot, if the local cache holds it already, serves as the folder.
    """

    relative: str
    min_bytes: int
    size: str
    licence: str
    source: str  # a command; "{folder}" stands for its place, "{model_dir}" for the option
    files: tuple[str, ...] = ()
    hub: str = ""
    sha256: str = ""

    def find(self, places: Places) -> Path | None:
        """Its path in ``--model_dir``, else in the hub's cache; None when it is in neither."""
        path = _existing(places.model_dir / self.relative) if places.model_dir else None
        return path or (hub_snapshot(self.hub) if self.hub else None)

    def problem(self, places: Places) -> str | None:
        """What is wrong with it and how to fix it; None when it can be used."""
        path = self.find(places)
        place = places.model_dir or Path("<model_dir>")
        if path is None:
            where = f"in --model_dir {place}" if places.model_dir else "given (--model_dir)"
            fault = f"weights {self.relative} are not {where}"
        elif reason := folder_fault(path, self.files, self.min_bytes):
            fault = f"weights {path}: {reason}"
        else:
            return None
        return f"{fault}; get them with: {self.download(place)}"

    def download(self, model_dir: Path) -> str:
        """The command that downloads it, its size and licence."""
        return f"{self.command(model_dir)} ({self.size}, {self.licence})"

    def command(self, model_dir: Path) -> str:
        """The command that downloads it into ``model_dir``."""
        return self.source.format(folder=model_dir / self.relative, model_dir=model_dir)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def chosen_files(folder: Path, files: tuple[str, ...]) -> list[Path | None]:
    """For each entry of ``files`` the alternative that ``folder`` holds, or None."""
    found = ([folder / name for name in entry.split("|") if (folder / name).is_file()] for entry in files)
    return [paths[0] if paths else None for paths in found]


def folder_fault(path: Path, files: tuple[str, ...], min_bytes: int) -> str | None:
    """What a folder lacks, or whether its weights (the last file; ``path`` itself without ``files``) are truncated."""
    parts = chosen_files(path, files) if files else [path]
    lacking = [entry for entry, part in zip(files or ("",), parts, strict=True) if part is None]
    if lacking:
        return f"lacks {', '.join(entry.replace('|', ' or ') for entry in lacking)}"
    size = parts[-1].stat().st_size if parts[-1].is_file() else min_bytes
    if size < min_bytes:
        return f"{parts[-1].name} has only {size} bytes: an error page or a download cut short"
    return None


_TORCH_WEIGHTS = "model.safetensors|pytorch_model.bin"
_MIT = "MIT"


def _dnsmos(relative: str, sha256: str) -> WheelWeight:
    return WheelWeight("speechmos", relative, sha256, _MIT, override="dnsmos")


WHEEL_WEIGHTS = {
    "dnsmos_primary": _dnsmos("dnsmos_models/sig_bak_ovr.onnx", "269fbebd"),
    "dnsmos_p808": _dnsmos("dnsmos_models/model_v8.onnx", "9246480c"),
    "pdnsmos": _dnsmos("pdnsmos_models/sig_bak_ovr.onnx", "9e3a1974"),
    "resemblyzer": WheelWeight("resemblyzer", "pretrained.pt", "39373b86", "Apache-2.0"),
    "pocketsphinx": WheelWeight("pocketsphinx", "model/en-us", "", "BSD"),
}
# Sizes and licences: the pages of the releases and hub repositories named as sources.
LOCAL_WEIGHTS = {
    "nisqa": LocalWeight(
        "nisqa/nisqa.tar",
        500_000,
        "about 1 MB",
        "CC BY-NC-SA 4.0: no commercial use",
        "curl -Lo {folder} --create-dirs https://github.com/gabrielmittag/NISQA/raw/master/weights/nisqa.tar",
    ),
    "utmos_code": LocalWeight(
        "utmos/hubconf.py",
        100,
        "code, 50 kB",
        _MIT,
        "git clone --branch v1.2.0 https://github.com/tarepan/SpeechMOS {model_dir}/utmos",
    ),
    "utmos": LocalWeight(
        "utmos/utmos22_strong_step7459_v1.pt",
        300_000_000,
        "about 400 MB",
        _MIT,
        "curl -Lo {folder} https://github.com/tarepan/SpeechMOS/releases/download/v1.0.0/"
        "utmos22_strong_step7459_v1.pt",
    ),
    "hubert": LocalWeight(
        "hf/hubert-base-ls960",
        300_000_000,
        "378 MB",
        "Apache-2.0",
        "hf download facebook/hubert-base-ls960 --local-dir {folder}",
        ("config.json", _TORCH_WEIGHTS),
        hub="facebook/hubert-base-ls960",
    ),
    "wavlm_sv": LocalWeight(
        "hf/wavlm-base-plus-sv",
        300_000_000,
        "about 400 MB",
        "its card names no licence; WavLM's code is MIT",
        "hf download microsoft/wavlm-base-plus-sv --local-dir {folder}",
        ("config.json", "preprocessor_config.json", _TORCH_WEIGHTS),
        hub="microsoft/wavlm-base-plus-sv",
    ),
    "wespeaker": LocalWeight(
        "wespeaker/voxceleb_resnet221_LM.onnx",
        50_000_000,
        "95 MB",
        "CC BY 4.0, trained on VoxCeleb",
        "hf download Wespeaker/wespeaker-voxceleb-resnet221-LM voxceleb_resnet221_LM.onnx --local-dir "
        "{model_dir}/wespeaker",
    ),
}
WEIGHTS: dict[str, WheelWeight | LocalWeight] = WHEEL_WEIGHTS | LOCAL_WEIGHTS
