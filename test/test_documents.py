"""What the documents say is there: commands, options, links, paths, messages, the worked example."""

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from argparse import ArgumentParser
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from nano_extractors import write_extractor
from tse_system import write_signal, write_system

from espnet_tse.bin import pack
from espnet_tse.bin.main import COMMANDS
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import write_scp

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "doc").glob("*.md"))]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
BLOCK = re.compile(
    r"^(?:<!-- test: (?P<mark>[^>]+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
# Files that the worked examples make.
MADE = {"espnet_tse/encoder/shared_gru.py", "test/encoder/test_shared_gru.py"}


def blocks(name: str, mark: str, language: str = "") -> list[str]:
    """Texts of the fenced blocks that carry ``<!-- test: mark -->``."""
    found = BLOCK.finditer((ROOT / name).read_text(encoding="utf-8"))
    return [m["text"] for m in found if m["mark"] == mark and m["language"].startswith(language)]


# --- Blocks that are run ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe's folder as after its last stage, with a system of random weights."""
    root = tmp_path_factory.mktemp("recipe")
    system = write_system(root)
    system = system.rename(system.with_name("tse_laura_tse_mini"))
    assert pack.main(["--model", str(system), "--output", f"{system}.zip"]) == 0
    shutil.copytree(system / "tokenizers" / "acoustic", root / "exp" / "codec_mini")
    write_extractor(root / "exp" / "tse_bsrnn_mini_causal", "bsrnn", causal=True)
    rng = np.random.default_rng(0)

    def audio(name: str, seconds: float) -> np.ndarray:
        # Noise that comes and goes, as the scorers want something like speech.
        samples = rng.standard_normal(int(16000 * seconds)) * 0.1
        samples *= 0.05 + np.abs(np.sin(np.linspace(0, 20, len(samples))))
        write_signal(root / f"{name}.wav", samples)
        return samples

    audio("enrollment", 0.6)
    audio("mixture", 0.8)
    rows = [f"mix{number}" for number in range(3)]
    for row in rows:
        parts = [np.round(audio(f"{kind}_{row}", 1.0) * 32768) / 32768 for kind in ("spk1", "spk2")]
        write_signal(root / f"wav_{row}.wav", sum(parts))
        audio(f"enroll_spk1_{row}", 0.6)
    for kind in ("wav", "spk1", "spk2", "enroll_spk1"):
        write_scp(root / f"dump/raw/test/{kind}.scp", {row: root / f"{kind}_{row}.wav" for row in rows})
    for pair in (("utt2spk", "A"), ("spk2utt", None), ("utt2num_samples", 16000)):
        entries = {"A": " ".join(rows)} if pair[1] is None else {row: pair[1] for row in rows}
        write_scp(root / "dump/raw/test" / pair[0], entries)
    return root


def environment() -> dict[str, str]:
    """Programs of the running interpreter first; one thread a process."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run_bash(text: str, folder: Path) -> None:
    program = ["bash", "-euo", "pipefail", "-c", text]
    ended = subprocess.run(
        program, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900
    )
    assert ended.returncode == 0, f"{text}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"


RUN = [
    (name, language, text)
    for name in NAMES
    for language in ("bash", "python")
    for text in blocks(name, "run", language)
]


@pytest.mark.parametrize("name", sorted({name for name, _, _ in RUN}))
def test_blocks_run_as_they_stand(name, recipe, monkeypatch):
    # A document's blocks follow one another, so they are one test: workers would tear them apart.
    for document, language, text in RUN:
        if document == name and language == "bash":
            run_bash(text, recipe)
        elif document == name:
            with monkeypatch.context() as patch:
                patch.chdir(recipe)
                exec(compile(text, name, "exec"), {})  # the page is ours


def test_many_blocks_are_run():
    assert len(RUN) >= 6 and {name for name, _, _ in RUN} >= {"README.md", "doc/decoding.md"}


def test_the_toy_recipe_runs_in_a_clone(tmp_path):
    (text,) = blocks("doc/recipes.md", "run in a clone", "bash")
    shutil.copytree(ROOT / "egs2" / "TEMPLATE", tmp_path / "egs2" / "TEMPLATE", symlinks=True)
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    (tmp_path / "espnet_tse").symlink_to(ROOT / "espnet_tse")
    rng = np.random.default_rng(0)
    for speaker in "abcdefgh":
        for utterance in range(2):
            path = tmp_path / "corpus" / speaker / f"{utterance}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_signal(path, rng.standard_normal(9000) * 0.05)
    run_bash(text, tmp_path)
    log = tmp_path / "egs2/toy/tse1/dump/raw/validate/validate.log"
    assert log.read_text().count("  VALID") == 3


# --- Options ------------------------------------------------------------------------------------------


@lru_cache
def parser_of(module: str) -> ArgumentParser:
    return importlib.import_module(f"espnet_tse.bin.{module}").get_parser()


def commands(text: str) -> list[tuple[str, list[str]]]:
    """(bin module, words behind it) of every command line of the package in code blocks."""
    code = [m["text"] for m in BLOCK.finditer(text)]
    # Outside of fences, code is indented by four columns.
    code += re.findall(r"(?:^    .*\n?)+", BLOCK.sub("", text), re.M)
    found = []
    for line in "\n".join(code).replace("\\\n", " ").split("\n"):
        is_command = "espnet" in line and not line.strip().startswith("espnet_tse")
        words = shlex.split(line, comments=True) if is_command else []
        for number, word in enumerate(words):
            rest = words[number + 1 :]
            if word.startswith("espnet_tse.bin.") and number and words[number - 1] == "-m":
                found.append((word.removeprefix("espnet_tse.bin."), rest))
            elif word == "espnet-tse" and rest and not rest[0].startswith("-"):
                assert rest[0] in COMMANDS, f"espnet-tse {rest[0]}: no such command"
                found.append((COMMANDS[rest[0]][0], rest[1:]))
    return [(module, options_before_shell(rest)) for module, rest in found]


def options_before_shell(words: list[str]) -> list[str]:
    """The words up to a redirection, pipe or list."""
    end = next((n for n, word in enumerate(words) if word in (">", "2>", "|", "&&", ";")), len(words))
    return words[:end]


COMMAND_LINES = [
    pytest.param(module, words, id=f"{name}-{module}-{number}")
    for name in NAMES
    for number, (module, words) in enumerate(commands((ROOT / name).read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("module, words", COMMAND_LINES)
def test_command_lines_have_no_unknown_options(module, words, monkeypatch):
    # Configs are named as seen from a recipe, and ESPnet's parser opens them.
    monkeypatch.chdir(ROOT / "egs2" / "mini_librispeech" / "tse1")
    parser = parser_of(module)
    if any(word in ("--help", "-h", "--list_metrics") for word in words):
        check_known([w for w in words if w.startswith("-")], parser._option_string_actions, module)
        return
    _, unknown = parser.parse_known_args(words)
    assert not unknown, f"{module}: {unknown}"


def test_command_lines_are_found():
    assert len(COMMAND_LINES) >= 15
    text = "    python3 -m espnet_tse.bin.pack --model a \\\n        --output b > log\n"
    assert commands(text) == [("pack", ["--model", "a", "--output", "b"])]


def tse_help() -> dict[str, str]:
    """Option -> default of ``tse.sh --help``."""
    folder = ROOT / "egs2" / "mini_espeak" / "tse1"
    ended = subprocess.run(["./tse.sh", "--help"], cwd=folder, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^  (--\w+) .*\(default: (.*)\)$", ended.stdout, re.M))


def test_the_options_of_tse_sh_are_those_of_the_document():
    text = (ROOT / "doc/stages.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--\w+)` \| (.*?) \|", text, re.M)
    options = tse_help()
    assert len(options) > 40 and dict(rows) == options


@pytest.mark.parametrize("column, recipe", [(1, "mini_espeak"), (2, "mini_librispeech")])
def test_what_run_sh_sets_is_documented(column, recipe):
    text = (ROOT / "doc/stages.md").read_text(encoding="utf-8").split("What `run.sh`")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `--")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    documented = {row[0].split("`")[1]: row[column].strip("`") for row in rows if row[column]}
    script = (ROOT / "egs2" / recipe / "tse1/run.sh").read_text(encoding="utf-8")
    given = dict(re.findall(r"^    (--\w+) (.+) \\$", script, re.M))
    named = {"--train_set", "--valid_set", "--test_sets", "--fs"}
    assert documented == {name: value for name, value in given.items() if name not in named} and documented


def protocol_options() -> set[str]:
    """Options that the run scripts of libri2mix and of WSJ0's mixtures take out of the command line."""
    scripts = [ROOT / "egs2/libri2mix/tse1" / name for name in ("local/protocol.sh", "run_finetune.sh")]
    scripts.append(ROOT / "egs2/wsj0_2mix/tse1/local/protocol.sh")
    found = [
        re.findall(r"(?:^  |^# .*)(--\w+)", script.read_text(encoding="utf-8"), re.M) for script in scripts
    ]
    return {option for options in found for option in options} | {"--dm_config", "--finetune_config"}


@pytest.mark.parametrize("name", NAMES)
def test_options_of_run_sh_lines_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    known = {*tse_help(), "--help"}
    if name == "doc/recipes.md":
        known |= protocol_options()
    for line in re.findall(r"\./run(?:_\w+)?\.sh[^`\n]*", text):
        # What stands in quotes is handed on to other programs.
        options = re.findall(r"(?<!\S)--\w+", re.sub(r"\"[^\"]*\"|#.*", "", line))
        check_known(options, known, f"{name}: {line}")


RATES = {"libri2mix": 16000, "wsj0_2mix": 8000, "wham": 8000, "whamr": 8000}  # Hz, of the recipes' audio


@pytest.mark.parametrize("recipe", RATES)
def test_published_commands_train_at_the_rate_of_their_recipe(recipe):
    from espnet_tse.tasks.choices import extractor_choices
    from espnet_tse.tasks.tse import TSETask

    text = (ROOT / f"egs2/{recipe}/tse1/RESULTS.md").read_text(encoding="utf-8")
    arrays = dict(re.findall(r"`(\w+)=\((.*?)\)`", text))
    found = 0
    for command in re.findall(r"`(\./run\.sh [^`]*--tse_config conf/[^`]*)`", text):
        words = shlex.split(re.sub(r'"\$\{(\w+)\[@\]\}"', lambda name: arrays[name[1]], command))
        options = dict(zip(words, words[1:]))
        config = ROOT / "egs2/TEMPLATE/tse1" / options["--tse_config"]
        own = shlex.split(options.get("--tse_args", ""))
        args = TSETask.get_parser().parse_args(["--config", str(config), *own])
        if args.extractor is not None:
            found += 1
            rate = extractor_choices.config(args.extractor, args.extractor_conf).sample_rate
            assert rate == RATES[recipe], command
    assert found


def test_inference_keys_are_those_of_the_models():
    from dataclasses import MISSING, fields

    from espnet_tse.tasks.choices import model_choices

    table = (ROOT / "doc/decoding.md").read_text(encoding="utf-8").split("## Settings")[1].split("\n## ")[0]
    rows = {
        name: (value, text)
        for name, value, text in re.findall(r"^\| `(\w+)` \| `(\S+)` \| (.*)", table, re.M)
    }
    models = model_choices.classes.values()
    assert set(rows) == {field.name for model in models for field in fields(model.Decode)}
    users: dict[type, list[str]] = {}
    for model in models:
        users.setdefault(model.Decode, []).append(model.__name__)
    for settings, names in users.items():
        for field in fields(settings):
            value, text = rows[field.name]
            stated = re.search(rf"`(\S+)` for (?:{'|'.join(names)})\b", text)
            default = field.default if field.default is not MISSING else field.default_factory()
            assert yaml.safe_load(stated[1] if stated else value) == default, (names, field.name)


# --- Links, paths, messages, packages -----------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    text = BLOCK.sub("", (ROOT / name).read_text(encoding="utf-8"))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("http")]
    missing = [link for link in links if not ((ROOT / name).parent / link.split("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_paths_of_the_repository_exist(name):
    text = BLOCK.sub("", (ROOT / name).read_text(encoding="utf-8"))
    quoted = re.findall(r"`((?:espnet_tse|egs2|utils|tools|test|doc|benchmarks)/[^`\s:]*)`", text)
    literal = {path for path in quoted if not re.search(r"[<>*{}]|mycorpus|toy", path)} - MADE
    assert not sorted(path for path in literal if not (ROOT / path).exists())


@lru_cache
def texts_of_the_code() -> str:
    """Every string of the Python code, adjacent literals joined, and all shell code."""
    parts = []
    for file in [*ROOT.glob("espnet_tse/**/*.py"), *ROOT.glob("egs2/*/*/local/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts.append(node.value)
    for pattern in ("utils/*", "tools/*.sh", "egs2/*/*/local/*.sh", "egs2/TEMPLATE/*/**/*.sh"):
        parts += [file.read_text(encoding="utf-8") for file in ROOT.glob(pattern) if file.is_file()]
    return "\n".join(parts)


def test_quoted_messages_are_those_of_the_code():
    text = (ROOT / "doc/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`", text, re.M)
    code = texts_of_the_code()
    lost = [
        f"{message}: '{part}'"
        for message in messages
        for part in re.split(r"'?\.\.\.'?", message)
        if len(part.strip(" '")) >= 4 and part.strip(" '") not in code
    ]
    assert len(messages) > 30 and not lost


def test_every_package_is_in_the_licence_ledger():
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    lists = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("REQUIRES", "EXTRAS")
    }
    wanted = [*lists["REQUIRES"], *(line for group in lists["EXTRAS"].values() for line in group)]
    names = [re.match(r"[A-Za-z0-9_-]+", line)[0] for line in wanted]
    ledger = (ROOT / "doc/licences.md").read_text(encoding="utf-8")
    assert len(names) > 20 and not [name for name in names if f"`{name}`" not in ledger]


# --- The worked example of doc/extending.md -----------------------------------------------------------


@pytest.fixture
def example(monkeypatch):
    """The encoder of the page as a module of the package, and its name in the table."""
    from espnet_tse.tasks.choices import encoder_choices

    (text,) = blocks("doc/extending.md", "module", "python")
    module = types.ModuleType("espnet_tse.encoder.shared_gru")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "doc/extending.md", "exec"), vars(module))  # the page is ours
    monkeypatch.setitem(encoder_choices.classes, "shared_gru", module.SharedGRUEncoder)
    return module


def test_the_test_of_the_worked_example_passes(example):
    (text,) = blocks("doc/extending.md", "pytest", "python")
    names: dict = {}
    exec(compile(text, "doc/extending.md", "exec"), names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for function in tests:
        function()


def test_the_worked_example_trains_and_extracts(example, tmp_path):
    import torch
    from factories import make_batch
    from tse_system import write_codec

    from espnet_tse.tasks.option_faults import faults_of_choices
    from espnet_tse.tasks.tse import TSETask

    (text,) = blocks("doc/extending.md", "config", "yaml")
    path = tmp_path / "shared_gru.yaml"
    path.write_text(text)
    parser = parser_of("tse_train")
    codec = write_codec(tmp_path / "codec")
    args = parser.parse_args(["--config", str(path), "--tokenizers", f"acoustic={codec}"])
    assert not faults_of_choices(args)
    model = TSETask.build_model(args)
    assert isinstance(model.encoder, example.SharedGRUEncoder)
    batch = make_batch([0.4, 0.3], [0.3, 0.4], model.codec)
    loss, _ = model.train().loss(batch)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())
    estimate = model.eval().extract(batch)
    assert estimate.waveform.shape == batch.mixture.shape and torch.isfinite(estimate.waveform).all()
