#!/usr/bin/env python3
"""libri2mix and librispeech on stand-in corpora, stages 1 to 10: ``test/integration/librimix_recipes.py FOLDER [PART ...]``.

Voices and lists under the official paths and names (test/librimix_stand_in.py), the recipes' own commands, a few training
steps. The scores mean nothing; that they are there, of every row, is what is checked. About ten minutes on two cores.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "test")]

from librimix_stand_in import (  # noqa: E402
    MIXTURES,
    SIZES,
    write_corpora,
    write_librispeech,
    write_published_lists,
)

NANO = {
    "ngpu": "0",
    "nj": "1",
    "python": sys.executable,
    "score_opts": "--metrics si_sdr,si_sdr_i,estoi",
    "stop_stage": "score",
}
ROWS = MIXTURES["test"]  # of one target
NANO_8K = "base: ../../conf/usef_tfgridnet_nano.yaml\nextractor_conf: {sample_rate: 8000}\n"
NANO_FINETUNE = "base: ../../conf/usef_tfgridnet_nano.yaml\noptim_conf: {lr: 1.0e-4}\n"


class Fault(Exception):
    """What must not be."""


def make_clone(folder: Path) -> None:
    """The recipes with what they link to."""
    ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
    for name in ("utils", "egs2/TEMPLATE", "egs2/libri2mix", "egs2/librispeech"):
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    for name, text in (("usef_tfgridnet_nano_8k", NANO_8K), ("usef_tfgridnet_nano_finetune", NANO_FINETUNE)):
        path = folder / f"egs2/libri2mix/tse1/local/conf/{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(recipe: Path, corpora: Path, command: str, **options: str) -> None:
    """A command of a recipe; its output goes to the terminal.

    Raises:
        Fault: it fails.
    """
    words = [word for name, value in (NANO | options).items() for word in (f"--{name}", value)]
    environment = {
        **os.environ,
        "LIBRISPEECH": str(corpora / "LibriSpeech"),
        "WHAM_NOISE": str(corpora / "wham_noise"),
        "LIBRIMIX_METADATA": str(corpora / "metadata/Libri2Mix"),
        "ENROLLMENT_LISTS": str(
            corpora / {"laura": "laura"}.get(options.get("enrollment", ""), "speakerbeam")
        ),
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
    }
    if options.get("enrollment") in (None, "own", "espnet"):
        del environment["ENROLLMENT_LISTS"]
    print(f"--- {recipe}: {command} {' '.join(words)}", flush=True)
    code = subprocess.run([f"./{command}", *words], cwd=recipe, env=environment).returncode
    if code:
        raise Fault(f"{recipe}: {command} ended with {code}")


def check_scores(folder: Path, rows: int) -> None:
    """A scored set: all rows, each with a number.

    Raises:
        Fault: not so.
    """
    path = folder / "scoring/result.json"
    if not path.is_file():
        raise Fault(f"{path} is not there")
    result = json.loads(path.read_text(encoding="utf-8"))
    for name in ("si_sdr", "si_sdr_i", "estoi"):
        column = result["metrics"].get(name, {})
        if column.get("n") != rows:
            raise Fault(f"{path}: {name}: {column or 'no column'}, wanted {rows} rows")


class Recipes:
    """Both recipes in a clone in miniature, and the corpora."""

    def __init__(self, folder: Path):
        self.corpora, clone = folder / "corpora", folder / "clone"
        self.librimix, self.librispeech = (
            clone / f"egs2/{name}/tse1" for name in ("libri2mix", "librispeech")
        )
        if not clone.exists():
            make_clone(clone)
            write_published_lists(self.corpora, write_corpora(self.corpora))
            write_librispeech(self.corpora / "LibriSpeech", {"train-other-500": SIZES["train-other-500"]})

    def run(self, command: str, **options: str) -> None:
        """A command of libri2mix."""
        stand_in = {"published_metadata": "false", "local_data_opts": "--nj 1"}
        run(self.librimix, self.corpora, command, **stand_in | options)

    def clean(self) -> None:
        """LauraTSE on clean mixtures, SpeakerBeam's enrollments."""
        self.run("run.sh", tse_config="conf/laura_tse_nano.yaml", enrollment="speakerbeam")
        check_scores(self.librimix / "exp/tse_laura_tse_nano/decode_test_16k_min_clean_speakerbeam", 2 * ROWS)
        check_scores(self.librimix / "exp/mixture/test_16k_min_clean_speakerbeam", 2 * ROWS)

    def low_rate(self) -> None:
        """A discriminative system at 8 kHz, with noise, our enrollments."""
        self.run("run_8k.sh", tse_config="local/conf/usef_tfgridnet_nano_8k.yaml", kind="both")
        check_scores(self.librimix / "exp/tse_usef_tfgridnet_nano_8k/decode_test_8k_min_both_own", 2 * ROWS)

    def finetune(self) -> None:
        """Dynamic mixing of all subsets, then Libri2Mix, LauraTSE's enrollments."""
        configs = {
            "dm_config": "conf/usef_tfgridnet_nano.yaml",
            "finetune_config": "local/conf/usef_tfgridnet_nano_finetune.yaml",
        }
        self.run("run_finetune.sh", dm="960", expdir="exp_dm", enrollment="laura", **configs)
        decoded = "exp_dm/tse_usef_tfgridnet_nano_finetune/decode_test_16k_min_clean_laura_s1"
        check_scores(self.librimix / decoded, ROWS)

    def protocols(self) -> None:
        """Data of what the others leave out: mode max, ESPnet's enrollments."""
        self.run(
            "run.sh",
            stop_stage="validate",
            enrollment="espnet",
            mode="max",
            tse_config="conf/laura_tse_nano.yaml",
        )

    def speech(self) -> None:
        """The recipe librispeech."""
        sizes = "--mixtures 4 --nj 1"
        config = "conf/laura_tse_nano.yaml"
        run(self.librispeech, self.corpora, "run.sh", hours="100", tse_config=config, local_data_opts=sizes)
        check_scores(self.librispeech / "exp/tse_laura_tse_nano/decode_test", 8)


PARTS = ("clean", "low_rate", "finetune", "protocols", "speech")


def main(cmd: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="of corpora and clone; is made, or gone on with")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    args = parser.parse_args(cmd)
    if not set(args.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    recipes = Recipes(args.folder.resolve())
    parts = args.parts or PARTS
    try:
        for part in parts:
            getattr(recipes, part)()
    except Fault as fault:
        print(f"librimix_recipes: {fault}", file=sys.stderr)
        return 1
    print(f"librimix_recipes: {', '.join(parts)}: all commands ran, all rows are scored")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
