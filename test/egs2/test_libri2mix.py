"""Stage 1 of libri2mix, librimix3 and librispeech on stand-in corpora, by their own local/data.sh and run scripts.

Stages 1 to 10 of all commands: test/integration/librimix_recipes.py.
"""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from librimix_stand_in import voice, write_corpora, write_librispeech, write_published_lists

from espnet_tse.data.librimix.metadata import read_metadata
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ("LIBRISPEECH", "LIBRI2MIX", "LIBRI3MIX", "LIBRIMIX_METADATA", "WHAM_NOISE", "ENROLLMENT_LISTS")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    write_published_lists(root, write_corpora(root))
    write_librispeech(root / "LibriSpeech", {"train-other-500": (2, 2)})
    return root


@pytest.fixture
def clone(tmp_path):
    """The recipes with what they link to, without the pipeline: a stand-in prints what it was given."""
    for name in ("utils", "egs2/TEMPLATE", "egs2/libri2mix", "egs2/librimix3", "egs2/librispeech"):
        ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    (tmp_path / "egs2/TEMPLATE/tse1/tse.sh").write_text('#!/bin/sh\nprintf "%s\\n" call "$@"\n')
    return tmp_path


def run(clone, recipe, command, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in CORPORA}
    environment |= {name: str(value) for name, value in variables.items()}
    environment |= {"PYTHONPATH": str(ROOT), "python": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [command, *words], cwd=clone / f"egs2/{recipe}/tse1", env=environment, capture_output=True, text=True
    )


def test_stage_1_makes_mixtures_and_lists_and_again_only_lists(clone, corpora):
    places = {
        "LIBRISPEECH": corpora / "LibriSpeech",
        "LIBRIMIX_METADATA": corpora / "metadata/Libri2Mix",
        "WHAM_NOISE": corpora / "wham_noise",
        "ENROLLMENT_LISTS": corpora / "speakerbeam",
        "LIBRI2MIX": clone / "with space/Libri2Mix",
    }
    words = "local/data.sh --published_metadata false --nj 2 --rate 8k --kind both --enrollment speakerbeam --parts train-100"
    ended = run(clone, "libri2mix", *words.split(), **places)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    data = clone / "egs2/libri2mix/tse1/data"
    tag = "8k_min_both_speakerbeam"
    for name in ("train-100", "dev", "test"):
        train = None if name == "train-100" else data / f"train-100_{tag}"
        report = validate_dir(data / f"{name}_{tag}", AudioLimits(8000), train)
        assert report.num_errors == 0, report.render()
    assert soundfile.info(read_scp(data / f"test_{tag}/noise1.scp").popitem()[1]).samplerate == 8000
    audio = {path: path.stat().st_mtime_ns for path in places["LIBRI2MIX"].rglob("*.wav")}
    assert len(audio) == 4 * (6 + 4 + 4)
    # The mixtures are there: a list of another protocol needs no noise any more, and nothing is made again.
    del places["WHAM_NOISE"]
    ended = run(clone, "libri2mix", *words.split(), "--targets", "1", **places)
    assert (
        ended.returncode == 0
        and {p: p.stat().st_mtime_ns for p in places["LIBRI2MIX"].rglob("*.wav")} == audio
    )
    assert len(read_scp(data / f"test_{tag}_s1/wav.scp")) == 4


@pytest.mark.parametrize(
    "lacks, words, code, message",
    [
        (
            "LIBRIMIX_METADATA",
            "",
            3,
            "LIBRIMIX_METADATA is not set; it names metadata/Libri2Mix of a clone of",
        ),
        ("LIBRISPEECH", "", 3, "LIBRISPEECH='downloads' is not a folder; it names the one that holds"),
        ("WHAM_NOISE", "--kind both", 3, "WHAM_NOISE='' is not a folder; it names wham_noise"),
        (
            "ENROLLMENT_LISTS",
            "--enrollment laura",
            3,
            "ENROLLMENT_LISTS is not set; enrollment 'laura' takes",
        ),
        ("", "--rate 44k", 2, "--rate takes one of 16k,8k, not '44k'"),
        (
            "",
            "--enrollment lauratse",
            2,
            "--enrollment takes one of own,speakerbeam,laura,espnet, not 'lauratse'",
        ),
        ("", "--dm 200", 2, "--dm takes one of 100,360,460,960, not '200'"),
        ("", "--parts dev", 2, "--parts takes train-100 and train-360, not 'dev'"),
        ("", "--targets 1,2", 2, "--targets takes numbers of speakers"),
        ("", "--targets 3", 2, "--targets takes numbers from 1 to 2, the speakers of a mixture, not '3'"),
        ("", "--kind single --targets 2", 2, "--kind single has the first speaker only; leave out"),
        ("", "--enrollment laura --targets 2", 2, "LauraTSE's lists have the first speaker only; leave out"),
        ("", "--sample-rate=8k", 2, "--sample-rate of ESPnet's local/data.sh is --rate here"),
        ("", "--rate 8k --min_or_max max", 2, "--min_or_max of ESPnet's local/data.sh is --mode here"),
        ("", "--kinds both", 2, "unknown option --kinds (did you mean --kind?)"),
    ],
)
def test_what_is_missing_or_wrong_is_told_before_anything_is_written(
    clone, corpora, lacks, words, code, message
):
    places = {name: corpora for name in CORPORA if name != lacks}
    ended = run(clone, "libri2mix", "local/data.sh", *words.split(), **places)
    assert ended.returncode == code and message in ended.stderr, ended.stderr
    assert not (clone / "egs2/libri2mix/tse1/data").exists() and not list(corpora.glob("wav*"))


def test_half_a_corpus_ends_stage_1(clone, corpora, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(corpora / "LibriSpeech/test-clean", half / "test-clean")
    ended = run(
        clone,
        "libri2mix",
        *"local/data.sh --published_metadata false --nj 1 --dm 100".split(),
        LIBRISPEECH=half,
        LIBRIMIX_METADATA=corpora / "metadata/Libri2Mix",
    )
    assert ended.returncode == 4, ended.stderr
    assert (
        "dev-clean/" in ended.stderr and "read data/log/librimix_16k_min_clean/generate.*.log" in ended.stderr
    )
    assert [path.name for path in (clone / "egs2/libri2mix/tse1/data").iterdir()] == ["log"]


def calls(ended):
    """What each call of the pipeline was given."""
    assert ended.returncode == 0, ended.stderr
    found = []
    for line in ended.stdout.splitlines():
        if line == "call":
            found.append([])
        else:
            found[-1].append(line)
    return found


def option(words, name):
    """The last value, which wins."""
    return [value for word, value in zip(words, words[1:]) if word == f"--{name}"][-1]


def test_run_scripts_name_sets_after_their_protocol(clone):
    for command, words, expected in (
        ("run.sh", [], ("train-460_16k_min_clean_own", "dev_16k_min_clean_own", "16k")),
        ("run_8k.sh", ["--kind=both"], ("train-460_8k_min_both_own", "dev_8k_min_both_own", "8k")),
        ("run_dm.sh", ["--dm", "960"], ("librispeech-960_16k", "dev_16k_min_clean_own", "16k")),
        (
            "run.sh",
            ["--enrollment", "laura", "--parts", "train-100"],
            ("train-100_16k_min_clean_laura_s1", "dev_16k_min_clean_laura_s1", "16k"),
        ),
    ):
        (given,) = calls(run(clone, "libri2mix", f"./{command}", *words, "--local_data_opts", "--nj 3"))
        assert tuple(option(given, name) for name in ("train_set", "valid_set", "fs")) == expected
        assert option(given, "test_sets") == expected[1].replace("dev", "test")
        assert option(given, "local_data_opts").endswith("--nj 3")
        assert ("conf/decode_paper.yaml" in given) == (command != "run_8k.sh")
    for words in (
        ["--tse_config=conf/usef_tfgridnet_s.yaml"],
        ["--tse-config", "conf/usef_tfgridnet_s.yaml"],
        ["--enh_config", "conf/usef_tfgridnet_s.yaml"],
        ["--enh-config=conf/usef_tfgridnet_s.yaml"],
    ):
        for recipe in ("libri2mix", "librispeech"):
            (given,) = calls(run(clone, recipe, "./run.sh", *words))
            assert "--codec_dir" not in given and "conf/decode_paper.yaml" not in given
            assert "conf/usef_tfgridnet_s.yaml" in given and "conf/laura_tse_paper.yaml" not in given
    ended = run(clone, "libri2mix", "./run.sh", "--mode", "mean")
    assert ended.returncode == 2 and "--mode takes one of min,max, not 'mean'" in ended.stderr


def test_options_of_run_scripts_may_have_dashes(clone):
    words = ["--rate", "8k", "--published-metadata=false", "--local-data-opts", "--nj 3 --dry-run true"]
    (given,) = calls(run(clone, "libri2mix", "./run.sh", *words, "--tse-args", "--max-epoch 3"))
    assert option(given, "test_sets") == "test_8k_min_clean_own" and option(given, "fs") == "8k"
    (opts,) = (value for word, value in zip(given, given[1:]) if word == "--local_data_opts")
    assert opts.startswith("--rate '8k'") and opts.endswith(
        "--published_metadata 'false' --nj 3 --dry-run true"
    )
    assert option(given, "tse_args") == "--max-epoch 3"  # a value stays as it is
    words = ["--hours", "100", "--local-data-opts", "--mixtures 3", "--ngpu", "1", "--force=true"]
    (given,) = calls(run(clone, "librispeech", "./run.sh", *words))
    assert option(given, "train_set") == "train-100"
    assert given.count("--local_data_opts") == 1
    assert option(given, "local_data_opts") == "--hours 100 --mixtures 3"
    assert option(given, "ngpu") == "1" and option(given, "force") == "true"
    ended = run(clone, "librispeech", "./run.sh", "--local-data-opts")
    assert ended.returncode == 2 and "run.sh: option --local_data_opts needs a value" in ended.stderr


def test_fine_tuning_begins_with_the_weights_of_the_first_training(clone):
    words = [
        "--dm=960",
        "--expdir",
        "exp_b",
        "--tse_args",
        "--max_epoch 3",
        "--enrollment",
        "laura",
        "--ngpu",
        "8",
    ]
    first, second = calls(run(clone, "libri2mix", "./run_finetune.sh", *words))
    assert option(first, "train_set") == "librispeech-960_16k" and option(second, "train_set").startswith(
        "train-460_"
    )
    assert option(first, "valid_set") == option(second, "valid_set") == "dev_16k_min_clean_laura_s1"
    assert option(first, "expdir") == option(second, "expdir") == "exp_b"
    assert option(first, "ngpu") == option(second, "ngpu") == "8"
    assert (
        option(first, "tse_config") == "conf/laura_tse_paper_dm.yaml" and option(first, "skip_eval") == "true"
    )
    assert option(first, "codec_dir") == option(second, "codec_dir") == "./downloads/funcodec"
    assert option(first, "tse_args") == "" and option(second, "tse_tag") == "laura_tse_paper_finetune"
    weights = "--init_param exp_b/tse_laura_tse_paper_dm/valid.loss.ave.pth"
    assert option(second, "tse_args") == f"{weights} --max_epoch 3"
    configs = ["--dm_config", "conf/laura_tse_nano.yaml", "--finetune_config", "conf/laura_tse_nano.yaml"]
    first, second = calls(run(clone, "libri2mix", "./run_finetune.sh", *configs))
    # A codec that is trained here is one codec.
    assert "--codec_dir" not in first and option(second, "codec_dir") == "exp/codec_nano"
    refused = run(
        clone, "libri2mix", "./run_finetune.sh", "--dm_config", "conf/gentse_nano.yaml", *configs[2:]
    )
    assert refused.returncode == 2 and "trains its own 'semantic'" in refused.stderr


@pytest.mark.parametrize("name", ["--tse-args", "--enh_args", "--enh-args"])
def test_fine_tuning_takes_every_name_of_its_options(clone, name):
    words = [f"{name}=--max_epoch 3", "--finetune-config", "conf/a.yaml", "--codec-dir", "other"]
    first, second = calls(run(clone, "libri2mix", "./run_finetune.sh", *words))
    assert option(first, "tse_args") == "" and option(first, "codec_dir") == "other"
    weights = "--init_param exp/tse_laura_tse_paper_dm/valid.loss.ave.pth"
    assert option(second, "tse_args") == f"{weights} --max_epoch 3"
    assert option(second, "tse_config") == "conf/a.yaml" and option(second, "codec_dir") == "other"


@pytest.mark.parametrize("name", ["--tse_config", "--tse-config", "--enh_config", "--enh-config"])
def test_fine_tuning_refuses_one_system_for_both_trainings(clone, name):
    for words in ([name, "conf/x.yaml"], [f"{name}=conf/x.yaml"]):
        refused = run(clone, "libri2mix", "./run_finetune.sh", *words)
        assert refused.returncode == 2 and "name them by --dm_config and --finetune_config" in refused.stderr
        assert not refused.stdout


def test_three_speakers_are_three_targets(clone, tmp_path):
    root = tmp_path / "three"
    write_corpora(root, {"train-100": 3, "dev": 2, "test": 2}, num_speakers=3)
    named = {
        "LIBRISPEECH": root,
        "LIBRIMIX_METADATA": root / "metadata/Libri3Mix",
        "LIBRI3MIX": root / "made",
    }
    (given,) = calls(
        run(clone, "librimix3", "./run.sh", "--parts", "train-100", "--published_metadata", "false")
    )
    assert option(given, "test_sets") == "test_8k_min_clean_own" and option(given, "fs") == "8k"
    words = ["/bin/sh", "-c", f"local/data.sh {option(given, 'local_data_opts')} --nj 1"]
    ended = run(clone, "librimix3", *words, **named)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    data = clone / "egs2/librimix3/tse1/data"
    report = validate_dir(data / "test_8k_min_clean_own", AudioLimits(), data / "train-100_8k_min_clean_own")
    # The enrollments are LibriSpeech's, at 16 kHz until stage 2.
    assert [check.name for check in report.checks if check.status == "error"] == ["sample rate"]
    assert report["mixture = sum of its sources"].status == "ok"
    assert len(read_scp(data / "test_8k_min_clean_own/spk3.scp")) == 2 * 3
    ended = run(clone, "librimix3", "local/data.sh", "--enrollment", "laura", **named)
    assert ended.returncode == 2 and "LauraTSE's enrollments are of two speakers" in ended.stderr


def test_librispeech_draws_its_own_mixtures(clone, corpora):
    words = "local/data.sh --hours 100 --mixtures 3 --nj 1".split()
    data = clone / "egs2/librispeech/tse1/data"
    ended = run(clone, "librispeech", *words, LIBRISPEECH=corpora)  # a part of LibriSpeech
    assert ended.returncode == 1 and "16 utterances, the published subset 2703; what is" in ended.stderr
    assert not data.exists()
    ended = run(clone, "librispeech", *words, "--published_counts", "false", LIBRISPEECH=corpora)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("train-100", "dev", "test"):
        report = validate_dir(
            data / name, AudioLimits(16000), None if name == "train-100" else data / "train-100"
        )
        assert report.num_errors == 0, report.render()
    assert len(read_scp(data / "test/wav.scp")) == 6
    assert "list: librispeech test, 3 mixtures, seed 0, own speech\n" in (data / "test/protocol").read_text()
    refused = run(clone, "librispeech", "local/data.sh", "--hours", "200", LIBRISPEECH=corpora)
    assert refused.returncode == 2 and "--hours takes 100, 360, 460 or 960, not '200'" in refused.stderr
    (given,) = calls(run(clone, "librispeech", "./run.sh", "--hours", "960"))
    assert option(given, "train_set") == "train-960"


@pytest.fixture
def draw_mixtures(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "egs2/librispeech/tse1/local"))
    yield importlib.import_module("draw_mixtures").main
    sys.modules.pop("draw_mixtures", None)


def test_drawn_mixtures_do_not_clip_and_have_their_ratio(draw_mixtures, corpora, tmp_path, capsys):
    words = ["--librispeech", str(corpora), "--published_counts", "false", "--mixtures", "5"]
    for name in ("one", "two"):
        assert draw_mixtures([*words, "--output_dir", str(tmp_path / name)]) == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    specs = read_metadata(tmp_path / "one", 2, "test", published=False)
    for spec in specs:
        signals = [
            soundfile.read(corpora / "LibriSpeech" / part.path)[0] * part.gain for part in spec.sources
        ]
        ratio = (signals[0] ** 2).mean() / (signals[1] ** 2).mean()
        assert 10**-0.5 <= ratio <= 10**0.5
        shorter = min(map(len, signals))
        assert abs(signals[0][:shorter] + signals[1][:shorter]).max() <= 0.9 + 1e-6
    first = [spec.speakers[0] for spec in specs]
    assert max(map(first.count, first)) == 2  # four speakers take turns
    assert draw_mixtures([*words, "--dry_run"]) == 0
    assert "test: 5 mixtures of two speakers, 3." in capsys.readouterr().out
    words[-1] = "1000"
    assert draw_mixtures([*words, "--output_dir", str(tmp_path / "three")]) == 1
    assert "different pairs could be drawn; lower --mixtures" in capsys.readouterr().err
    assert not (tmp_path / "three").exists()


def test_own_speakers_may_have_names(draw_mixtures, tmp_path):
    for subset in ("dev-clean", "test-clean"):
        for seed, speaker in enumerate(("zoe", "anna", "121", "45")):
            for number in range(2):
                path = tmp_path / subset / speaker / "1" / f"{speaker}-1-{number:04d}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, voice([seed, number], 52000), 16000)
    words = ["--librispeech", str(tmp_path), "--published_counts", "false", "--mixtures", "4"]
    assert draw_mixtures([*words, "--output_dir", str(tmp_path / "lists")]) == 0
    specs = read_metadata(tmp_path / "lists", 2, "test", published=False)
    # They take turns: numbers in their order, names behind them.
    assert [spec.speakers[0] for spec in specs] == ["45", "121", "anna", "zoe"]
