"""Stage 1 of wsj0_2mix, wham and whamr on stand-in corpora, by their own local/data.sh and run.sh.

Stages 1 to 10: test/integration/librimix_recipes.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from wsj0_mix_stand_in import MIXTURES, write_corpora

from espnet_tse.io.scp import read_scp

ROOT = Path(__file__).resolve().parents[2]
RECIPES = {"wsj0_2mix": "WSJ0_2MIX", "wham": "WHAM", "whamr": "WHAMR"}
VARIABLES = (*RECIPES.values(), "WSJ0", "MIXTURE_LISTS", "ENROLLMENT_LISTS")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    write_corpora(root)
    return root


@pytest.fixture
def clone(tmp_path):
    """The recipes with what they link to, without the pipeline: a stand-in prints what it was given."""
    ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
    for name in ("utils", "egs2/TEMPLATE", *(f"egs2/{recipe}" for recipe in RECIPES)):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    (tmp_path / "egs2/TEMPLATE/tse1/tse.sh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    return tmp_path


def places(corpora, recipe, **others):
    return {RECIPES[recipe]: corpora / recipe, "WSJ0": corpora, **others}


def run(clone, recipe, command, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {name: str(value) for name, value in variables.items()}
    environment |= {"PYTHONPATH": str(ROOT), "python": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [command, *words], cwd=clone / f"egs2/{recipe}/tse1", env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "recipe, words, tag",
    [
        ("wsj0_2mix", "--enrollment spex", "8k_min_clean_spex"),
        ("wham", "--kind single", "8k_min_single_own_s1"),
        ("whamr", "--target reverb", "8k_min_both_reverb-reverb_own"),
    ],
)
def test_run_sh_names_the_sets_that_stage_1_makes(clone, corpora, recipe, words, tag):
    given = run(clone, recipe, "./run.sh", "--published_counts", "false", *words.split(), "--nj", "3")
    assert given.returncode == 0, given.stderr
    options = dict(zip(given.stdout.splitlines()[::2], given.stdout.splitlines()[1::2]))
    assert (options["--fs"], options["--nj"]) == ("8k", "3")
    assert (options["--train_set"], options["--valid_set"], options["--test_sets"]) == (
        f"tr_{tag}",
        f"cv_{tag}",
        f"tt_{tag}",
    )
    lists = {"MIXTURE_LISTS": corpora / "lists", "ENROLLMENT_LISTS": corpora / "spex"}
    ended = run(
        clone,
        recipe,
        "/bin/sh",
        "-c",
        f"local/data.sh {options['--local_data_opts']}",
        **places(corpora, recipe, **lists),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    data = clone / f"egs2/{recipe}/tse1/data"
    assert {path.name for path in data.iterdir()} == {f"{name}_{tag}" for name in MIXTURES}
    rows = read_scp(data / f"tt_{tag}/wav.scp")
    assert len(rows) == MIXTURES["tt"] * (1 if tag.endswith("s1") else 2)
    assert all(str(corpora.resolve()) in path for path in rows.values())


@pytest.mark.parametrize(
    "recipe, lacks, words, code, message",
    [
        ("wham", "WHAM", "", 3, "WHAM='' is not a folder; it names what the scripts of WHAM! have written"),
        ("wham", "WSJ0", "", 3, "WSJ0='' is not a folder; it names the one that holds wsj0/si_tr_s"),
        ("wsj0_2mix", "", "--enrollment spex", 3, "ENROLLMENT_LISTS is not set; enrollment 'spex' takes"),
        ("wsj0_2mix", "", "--kind both", 2, "--kind takes one of clean, not 'both'"),
        ("wham", "", "--min_or_max max", 2, "--min_or_max of ESPnet's local/data.sh is --mode here"),
        ("whamr", "", "--target dry", 2, "--target takes one of anechoic,reverb, not 'dry'"),
        ("whamr", "", "--room anechoic --target reverb", 2, "--room anechoic has no --target reverb"),
        ("wham", "", "--enrollment speakerbeam", 2, "--enrollment takes one of own,spex, not 'speakerbeam'"),
        ("wham", "", "--targets 3", 2, "--targets takes numbers from 1 to 2, the speakers of a mixture"),
        ("wham", "", "--kind single --targets 2", 2, "--kind single has the first speaker only; leave out"),
        ("wham", "", "", 4, "holds 4 mixtures, the published set 3000"),
        ("wsj0_2mix", "", "--mode max --published_counts false", 4, "wav8k/max/tt/mix: no such folder"),
    ],
)
def test_what_is_missing_or_wrong_is_told_and_nothing_is_written(
    clone, corpora, recipe, lacks, words, code, message
):
    named = {name: place for name, place in places(corpora, recipe).items() if name != lacks}
    ended = run(clone, recipe, "local/data.sh", *words.split(), **named)
    assert ended.returncode == code and message in ended.stderr, ended.stderr
    data = clone / f"egs2/{recipe}/tse1/data"
    assert not data.exists() or not list(data.iterdir())


def test_a_dry_run_writes_nothing(clone, corpora):
    ended = run(clone, "wham", "local/data.sh", "--dry_run", "true", **places(corpora, "wham"))
    assert ended.returncode == 0 and "data/tt_8k_min_both_own would be lists of what is below" in ended.stdout
    assert not (clone / "egs2/wham/tse1/data").exists()


def test_stage_1_is_done_again_for_a_variable_that_a_linked_script_reads(clone, corpora, tmp_path):
    shutil.copy(ROOT / "egs2/TEMPLATE/tse1/tse.sh", clone / "egs2/TEMPLATE/tse1/tse.sh")
    shutil.copytree(corpora / "spex", tmp_path / "others")
    words = "--published_counts false --enrollment spex --stop_stage data --python".split()
    for lists, told in (
        ("spex", ""),
        ("spex", "data: up to date"),
        ("others", "changed: --ENROLLMENT_LISTS"),
    ):
        folder = (tmp_path if lists == "others" else corpora) / lists
        named = places(corpora, "wham", ENROLLMENT_LISTS=folder)
        ended = run(clone, "wham", "./run.sh", *words, sys.executable, **named)
        assert ended.returncode == 0 and told in ended.stdout + ended.stderr, ended.stdout + ended.stderr
