"""Create a recipe: ``egs2/TEMPLATE/tse1/setup.sh`` of the clone, with its options and exit codes."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine

CLONE = Path(__file__).resolve().parents[2]


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse new-recipe",
        description="Create a recipe from egs2/TEMPLATE/tse1 of the clone of the project.",
    )
    parser.add_argument("directory", type=Path, help="the new folder: <clone>/egs2/<corpus>/tse1")
    parser.add_argument("--corpus", help="name of the corpus (default: the folder's)")
    parser.add_argument("--db", help="variable of db.sh that names its place (default: the name in capitals)")
    parser.add_argument("--sets", help="training, development and test sets (default: 'train dev test')")
    parser.add_argument("--force", action="store_true", help="overwrite the recipe's own files")
    parser.add_argument("--copy", action="store_true", help="copy shared files instead of linking them")
    parser.add_argument("--clone", type=Path, default=CLONE, help="root of the clone (default: %(default)s)")
    return parser


def setup_command(args: argparse.Namespace) -> list[str]:
    """The call of setup.sh that ``args`` stand for."""
    command = [str(args.clone / "egs2/TEMPLATE/tse1/setup.sh")]
    for name in ("corpus", "db", "sets"):
        value = getattr(args, name)
        command += [] if value is None else [f"--{name}", value]
    command += [f"--{name}" for name in ("force", "copy") if getattr(args, name)]
    return [*command, str(args.directory)]


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    command = setup_command(args)
    if not Path(command[0]).is_file():
        print(
            f"espnet-tse new-recipe: {command[0]} is not there: recipes live in a clone of the project, not "
            "in the installed package; install the clone with 'pip install -e .' or name it by --clone",
            file=sys.stderr,
        )
        return 1
    if shutil.which("bash") is None:
        print("espnet-tse new-recipe: bash is not in PATH; recipes need it", file=sys.stderr)
        return 1
    return subprocess.run(["bash", *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
