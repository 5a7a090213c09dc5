"""The import direction of the rooms, their names, and the light start of the command lines."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "espnet_tse"
SHELVES = (
    ("io",),
    ("schema",),
    ("layers",),
    ("data", "frontend", "encoder", "extractor", "codec", "lm", "flow", "vocoder", "loss", "scoring"),
    ("models", "train", "report"),
    ("tasks",),
    ("bin",),
)
SHELF = {room: number for number, rooms in enumerate(SHELVES) for room in rooms}
SCORING = ("measure", "asr", "run", "result")  # rooms within scoring/; each may import those before it
NAMELESS = ("utils", "helpers", "misc", "common")


def room_of(module: str) -> str | None:
    """Room of a dotted module; None for what stands at the top of the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in SHELF else None


def imported_modules(tree: ast.AST, package: str) -> list[tuple[int, str]]:
    """(line, module) of every import of this package in a file, also of those inside functions."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            # "from espnet_tse.lm import sampling" imports a module, "from ...sampling import X" a name.
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return [(line, module) for line, module in found if module.split(".")[0] == "espnet_tse"]


def file_of(module: str) -> Path | None:
    """The file a dotted name stands in: a module, a package, or the module of the imported name."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py", path.parent.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return path.parent / "__init__.py" if (path.parent / "__init__.py").is_file() else None


def violations(path: str, source: str) -> list[str]:
    """Imports that go up or aside, as 'file:line: reason'."""
    package = ".".join(Path(path).with_suffix("").parts[:-1])
    room = room_of(".".join(Path(path).with_suffix("").parts))
    faults = []
    for line, module in imported_modules(ast.parse(source), package):
        target = room_of(module)
        if room is None or target is None or target == room or SHELF[target] < SHELF[room]:
            continue
        file = file_of(module)
        if SHELF[target] == SHELF[room] and file is not None and file.name.startswith("abs_"):
            continue
        faults.append(f"{path}:{line}: {room}, shelf {SHELF[room]}, imports {module}, shelf {SHELF[target]}")
    return faults


def test_rooms_import_downwards_only():
    files = sorted(PACKAGE.rglob("*.py"))
    faults = [
        fault
        for file in files
        for fault in violations(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
    ]
    assert files and not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "path, source, fault",
    [
        ("espnet_tse/lm/x.py", "from espnet_tse.models.laura_tse import LauraTSE", "models"),
        ("espnet_tse/lm/x.py", "def f():\n    from espnet_tse.codec.load import load_codec", ":2: lm"),
        ("espnet_tse/lm/x.py", "import espnet_tse.tasks.choices", "tasks"),
        ("espnet_tse/lm/x.py", "from ..vocoder import fine_embedding", "vocoder"),
        ("espnet_tse/schema/x.py", "from espnet_tse.codec.abs_codec import AbsCodec", "codec"),
        ("espnet_tse/lm/x.py", "from espnet_tse.codec.abs_codec import AbsCodec", None),
        ("espnet_tse/lm/x.py", "from espnet_tse.codec import abs_codec", None),
        ("espnet_tse/lm/x.py", "from espnet_tse.lm.sampling import row_draws", None),
        ("espnet_tse/models/x.py", "from espnet_tse.lm.decoder_only import DecoderOnlyLM", None),
    ],
)
def test_the_rule_itself(path, source, fault):
    found = violations(path, source)
    assert found == [] if fault is None else len(found) == 1 and fault in found[0]


def scoring_violations(path: str, source: str) -> list[str]:
    """Imports of a file below scoring/ that go to a later room within it, as 'file:line: reason'."""
    package = ".".join(Path(path).with_suffix("").parts[:-1])
    later = SCORING[SCORING.index(Path(path).parts[2]) + 1 :]
    return [
        f"{path}:{line}: scoring/{Path(path).parts[2]} imports {module}; the order is {' < '.join(SCORING)}"
        for line, module in imported_modules(ast.parse(source), package)
        if module.split(".")[1:2] == ["scoring"] and module.split(".")[2:3] and module.split(".")[2] in later
    ]


def test_rooms_of_scoring_import_downwards_only():
    folder = PACKAGE / "scoring"
    rooms = {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(SCORING) and [path.name for path in folder.glob("*.py")] == ["__init__.py"]
    files = [path for room in SCORING for path in sorted((folder / room).rglob("*.py"))]
    faults = [
        fault
        for file in files
        for fault in scoring_violations(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
    ]
    assert len(files) > 60 and not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "path, source, fault",
    [
        (
            "espnet_tse/scoring/measure/x.py",
            "from espnet_tse.scoring.asr.text import normalise_none",
            "scoring/measure",
        ),
        (
            "espnet_tse/scoring/run/x.py",
            "def f():\n    from espnet_tse.scoring.result import names",
            ":2: scoring/run",
        ),
        ("espnet_tse/scoring/measure/cards/x.py", "from espnet_tse.scoring import run", "imports"),
        ("espnet_tse/scoring/result/x.py", "from espnet_tse.scoring.run.job import Utterance", None),
        ("espnet_tse/scoring/run/x.py", "from espnet_tse.scoring.run.job import Utterance", None),
    ],
)
def test_the_rule_of_scoring(path, source, fault):
    found = scoring_violations(path, source)
    assert found == [] if fault is None else len(found) == 1 and fault in found[0]


def cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of two or more files that import each other, over any number of steps."""

    def reach(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            new = imports.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        return seen

    reached = {file: reach(file) for file in imports}
    groups = {
        frozenset({file, *(other for other in reached[file] if file in reached.get(other, ()))})
        for file in imports
    }
    return sorted(sorted(group) for group in groups if len(group) > 1)


def test_no_files_import_each_other_in_a_circle():
    imports = {}
    for file in PACKAGE.rglob("*.py"):
        package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
        modules = imported_modules(ast.parse(file.read_text(encoding="utf-8")), package)
        imports[str(file)] = {
            str(target) for _, module in modules if (target := file_of(module)) and target != file
        }
    assert len(imports) > 100 and not cycles(imports)


def test_the_rule_of_circles():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_every_folder_of_the_package_is_a_room():
    data = {"__pycache__", "pretrained"}  # no code in them
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - data
    assert folders <= set(SHELF), f"no shelf for {sorted(folders - set(SHELF))}; see doc/architecture.md"


def test_no_homeless_functions():
    nameless = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.stem in NAMELESS or any(path.stem.endswith(f"_{name}") for name in NAMELESS)
    ]
    assert not nameless, f"name the concept instead: {nameless}"


# espnet2's task parser, which holds ESPnet's own options, imports torch.
WITH_TORCH = {"tse_train"}


def test_help_of_the_command_lines_imports_no_torch():
    modules = sorted(path.stem for path in (PACKAGE / "bin").glob("*.py") if path.stem != "__init__")
    light = [module for module in modules if module not in WITH_TORCH]
    code = (
        "import importlib, sys\n"
        f"for name in {light}:\n"
        "    parser = importlib.import_module('espnet_tse.bin.' + name).get_parser()\n"
        "    parser.format_help()\n"
        "    heavy = sorted({'torch', 'espnet2', 'librosa', 'scipy'} & set(sys.modules))\n"
        "    assert not heavy, f'{name} --help imports {heavy}'\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert len(light) >= 10 and ended.returncode == 0, ended.stderr


def test_extraction_imports_no_training_task():
    # ESPnet's task imports transformers and sympy: 12 CPU seconds before the first sample.
    code = (
        "import sys, espnet_tse.tasks.extraction\n"
        "heavy = sorted({'espnet2.tasks.abs_task', 'transformers'} & set(sys.modules))\n"
        "assert not heavy, f'extraction imports {heavy}'\n"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert ended.returncode == 0, ended.stderr


def test_nothing_is_defined_twice_in_one_place():
    twice = []
    for path in sorted(
        [*PACKAGE.rglob("*.py"), *(ROOT / "test").rglob("*.py"), *(ROOT / "egs2").rglob("*.py")]
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            body = getattr(node, "body", [])
            names = [
                part.name
                for part in (body if isinstance(body, list) else [])
                if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and not part.decorator_list
            ]
            twice += [
                f"{path.relative_to(ROOT)}: {name}" for name in sorted(set(names)) if names.count(name) > 1
            ]
    assert not twice
