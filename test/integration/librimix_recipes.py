#!/usr/bin/env python3
"""Recipes of corpora on stand-ins, stages 1 to 10: ``test/integration/librimix_recipes.py FOLDER [PART ...]``.

Voices and lists under the official paths and names (test/librimix_stand_in.py), the recipes' own commands, a few training
steps. The scores mean nothing; that they are there, of every row, is what is checked. About fifteen minutes on two cores.
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
from real_tse_stand_in import write_librispeech as write_voices  # noqa: E402
from real_tse_stand_in import write_recordings, write_restoration  # noqa: E402
from wsj0_mix_stand_in import MIXTURES as WSJ0_MIXTURES  # noqa: E402
from wsj0_mix_stand_in import write_corpora as write_wsj0_corpora  # noqa: E402

NANO = {
    "ngpu": "0",
    "nj": "1",
    "python": sys.executable,
    "score_opts": "--metrics si_sdr,si_sdr_i,estoi",
    "stop_stage": "score",
}
ROWS = MIXTURES["test"]  # of one target
THREE = {"train-100": 4, "dev": 3, "test": 3}  # mixtures of three speakers
# Recipe -> variable of the mixtures that their own scripts make.
WSJ0_RECIPES = {"wsj0_2mix": "WSJ0_2MIX", "wham": "WHAM", "whamr": "WHAMR"}
METADATA = {"librimix3": "Libri3Mix"}
LISTS = {"laura": "laura", "speakerbeam": "speakerbeam", "spex": "spex"}  # enrollments -> folder
NANO_8K = "base: ../../conf/usef_tfgridnet_nano.yaml\nextractor_conf: {sample_rate: 8000}\n"
NANO_8K_PATH = "local/conf/usef_tfgridnet_nano_8k.yaml"
NANO_FINETUNE = "base: ../../conf/usef_tfgridnet_nano.yaml\noptim_conf: {lr: 1.0e-4}\n"


class Fault(Exception):
    """What must not be."""


def make_clone(folder: Path) -> None:
    """The recipes with what they link to."""
    ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
    mixed = ("libri2mix", "librispeech", "librimix3", *WSJ0_RECIPES)
    for name in ("utils", "egs2/TEMPLATE", *(f"egs2/{recipe}" for recipe in (*mixed, "real_tse", "urgent"))):
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    for recipe in mixed:
        conf = folder / f"egs2/{recipe}/tse1/local/conf"
        conf.mkdir(exist_ok=True)
        (conf / "usef_tfgridnet_nano_8k.yaml").write_text(NANO_8K, encoding="utf-8")
        (conf / "usef_tfgridnet_nano_finetune.yaml").write_text(NANO_FINETUNE, encoding="utf-8")


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
        "LIBRIMIX_METADATA": str(corpora / "metadata" / METADATA.get(recipe.parent.name, "Libri2Mix")),
        "ENROLLMENT_LISTS": str(corpora / LISTS.get(options.get("enrollment", ""), "")),
        "WSJ0": str(corpora),
        "MIXTURE_LISTS": str(corpora / "lists"),
        "REAL_TSE": str(corpora / "recordings"),
        "URGENT": str(corpora / "restoration"),
        **{variable: str(corpora / name) for name, variable in WSJ0_RECIPES.items()},
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
    }
    if options.get("enrollment") in (None, "own", "espnet"):
        del environment["ENROLLMENT_LISTS"]
    print(f"--- {recipe}: {command} {' '.join(words)}", flush=True)
    code = subprocess.run([f"./{command}", *words], cwd=recipe, env=environment).returncode
    if code:
        raise Fault(f"{recipe}: {command} ended with {code}")


def check_scores(folder: Path, rows: int, metrics: Sequence[str] = ("si_sdr", "si_sdr_i", "estoi")) -> None:
    """A scored set: all rows, each with a number.

    Raises:
        Fault: not so.
    """
    path = folder / "scoring/result.json"
    if not path.is_file():
        raise Fault(f"{path} is not there")
    result = json.loads(path.read_text(encoding="utf-8"))
    for name in metrics:
        column = result["metrics"].get(name, {})
        if column.get("n") != rows:
            raise Fault(f"{path}: {name}: {column or 'no column'}, wanted {rows} rows")


class Recipes:
    """The recipes in a clone in miniature, and the corpora."""

    def __init__(self, folder: Path):
        self.corpora, clone = folder / "corpora", folder / "clone"
        self.recipes = clone / "egs2"
        self.librimix, self.librispeech = (
            clone / f"egs2/{name}/tse1" for name in ("libri2mix", "librispeech")
        )
        if not clone.exists():
            make_clone(clone)
            write_published_lists(self.corpora, write_corpora(self.corpora))
            write_librispeech(self.corpora / "LibriSpeech", {"train-other-500": SIZES["train-other-500"]})
            write_corpora(self.corpora / "three", THREE, num_speakers=3)
            write_wsj0_corpora(self.corpora / "wsj0_mix", (3.0, 3.6))
            write_recordings(self.corpora / "real/recordings")
            write_voices(self.corpora / "real/LibriSpeech", ("train-clean-100", "dev-clean"))
            write_restoration(self.corpora / "restoration/restoration")

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
        self.run("run_8k.sh", tse_config=NANO_8K_PATH, kind="both")
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
        sizes = "--mixtures 4 --nj 1 --published_counts false"
        config = "conf/laura_tse_nano.yaml"
        run(self.librispeech, self.corpora, "run.sh", hours="100", tse_config=config, local_data_opts=sizes)
        check_scores(self.librispeech / "exp/tse_laura_tse_nano/decode_test", 8)

    def librimix3(self) -> None:
        """Three speakers, of which each is a target."""
        options = {
            "published_metadata": "false",
            "parts": "train-100",
            "local_data_opts": "--nj 1",
            "tse_config": NANO_8K_PATH,
        }
        recipe = self.recipes / "librimix3/tse1"
        run(recipe, self.corpora / "three", "run.sh", **options)
        check_scores(
            recipe / "exp/tse_usef_tfgridnet_nano_8k/decode_test_8k_min_clean_own", 3 * THREE["test"]
        )

    def wsj0_mix(self, name: str, tag: str, **options: str) -> None:
        """A recipe of WSJ0's mixtures, both speakers as targets."""
        recipe = self.recipes / name / "tse1"
        common = {"published_counts": "false", "tse_config": NANO_8K_PATH}
        run(recipe, self.corpora / "wsj0_mix", "run.sh", **common | options)
        check_scores(recipe / f"exp/tse_usef_tfgridnet_nano_8k/decode_tt_{tag}", 2 * WSJ0_MIXTURES["tt"])

    def wsj0_2mix(self) -> None:
        """WSJ0-2mix, SpEx+'s enrollments."""
        self.wsj0_mix("wsj0_2mix", "8k_min_clean_spex", enrollment="spex")

    def wham(self) -> None:
        """WHAM!, two speakers and noise."""
        self.wsj0_mix("wham", "8k_min_both_own")

    def whamr(self) -> None:
        """WHAMR!, anechoic targets of reverberant and noisy mixtures."""
        self.wsj0_mix("whamr", "8k_min_both_reverb-anechoic_own")

    def real_tse(self) -> None:
        """Recordings without clean targets: the metrics that want none; training on mixtures like conversations."""
        recipe = self.recipes / "real_tse/tse1"
        run(
            recipe,
            self.corpora / "real",
            "run.sh",
            local_data_opts="--subsets train-clean-100 --dev_mixtures 4 --dev_crop_s 1.5 --published_counts false",
            tse_config="local/conf/bsrnn_real_nano.yaml",
            score_opts="--metrics timing_f1,pause_leak,absent_leak,absent_activity",
        )
        for folder in ("tse_bsrnn_real_nano/decode_own_level_real", "mixture/real"):
            check_scores(recipe / "exp" / folder, 1, ["absent_leak", "absent_activity"])
            check_scores(recipe / "exp" / folder, 2, ["timing_f1", "pause_leak"])

    def urgent(self) -> None:
        """Restoration: noisy recordings of one talker each, without an enrollment."""
        recipe = self.recipes / "urgent/sr1"
        sizes = "--dev_speakers 2 --dev_mixtures 4 --dev_crop_s 1"
        restored = {"tse_config": "conf/unise_nano.yaml", "score_opts": "--metrics estoi"}
        run(recipe, self.corpora / "restoration", "run.sh", local_data_opts=sizes, **restored)
        check_scores(recipe / "exp/tse_unise_nano/decode_restoration_test", 3, ["estoi"])


PARTS = (
    *("clean", "low_rate", "finetune", "protocols", "speech"),
    *("librimix3", "wsj0_2mix", "wham", "whamr", "real_tse", "urgent"),
)


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
