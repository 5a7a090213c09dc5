"""A recipe's folder in miniature, for tests of what the commands do with bad input."""

import contextlib
import hashlib
import importlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
import soundfile
import yaml
from tse_system import SYSTEM, write_codec, write_system

from espnet_tse.io.scp import read_scp, write_scp

RATE = 16000
TRAIN = (
    "--config conf/tse.yaml --valid_data_dir data/test --valid_tokens acoustic=codes/test --tokenizers acoustic=exp/codec --ngpu 0 "
    "--output_dir out"
)
# command -> module, what says that its work is done, command line. They write to out/ only, but for filter.
COMMANDS = {
    "validate": ("validate", [], "data/test --sample_rate 16000"),
    "validate_train": ("validate", [], "data/train"),
    "validate_codes": ("validate", [], "data/test --codes codes/test --codec exp/codec"),
    "format": ("format_data", ["wav.scp", "spk1.scp", "utt2spk"], "--data_dir data/test --output_dir out"),
    "filter": ("filter_length", [], "--data_dir data/test --max_duration_s 5"),
    "codec": (
        "codec_train",
        ["config.yaml", "model.pth", "manifest.json"],
        "--config conf/codec.yaml --train_data_dir data/test --valid_data_dir data/test --output_dir out",
    ),
    "tokenize": (
        "encode_codes",
        ["acoustic.scp"],
        "--codec exp/codec --scp data/test/spk1.scp --output_dir out",
    ),
    "resynthesize": (
        "resynthesize",
        ["wav.scp"],
        "--codec exp/codec --scp data/test/spk1.scp --output_dir out",
    ),
    "train": (
        "tse_train",
        ["*.pth"],
        f"{TRAIN} --train_data_dir data/test --train_tokens acoustic=codes/test",
    ),
    "train_mixing": (
        "tse_train",
        ["*.pth"],
        f"{TRAIN} --train_data_dir data/train --train_tokens acoustic=codes/train",
    ),
    "extract": (
        "extract",
        ["wav.scp", "decode.json"],
        "--model exp/tse_nano --mixture_scp data/test/wav.scp --enroll_scp data/test/enroll_spk1.scp --output_dir out",
    ),
    "extract_one": (
        "extract",
        ["*"],
        "audio/m1_mix.wav audio/m1_enroll.wav -o out/estimate.wav --model exp/tse_nano",
    ),
    "extract_zip": (
        "extract",
        ["*"],
        "audio/m1_mix.wav audio/m1_enroll.wav -o out/estimate.wav --model tse.zip",
    ),
    "score": (
        "score",
        ["result.json"],
        "--inf_scp decoded/wav.scp --ref_scp data/test/spk1.scp --metrics si_sdr --output_dir out",
    ),
    "pack": ("pack", ["*"], "--model exp/tse_nano --output out/tse.zip"),
    "report": ("report", ["*"], "--exp_dir exp --output out/RESULTS.md"),
}
TRAINING = {
    "max_epoch": 1,
    "num_iters_per_epoch": 1,
    "batch_size": 2,
    "num_workers": 0,
    "optim": "adam",
    "num_att_plot": 0,
    "use_matplotlib": False,
    "use_tensorboard": False,
    "best_model_criterion": [["valid", "loss", "min"]],
    "keep_nbest_models": 1,
}
CODEC = {
    "codec_conf": {"n_fft": 256, "stft_hop": 64, "num_codebooks": 2, "codebook_size": 4, "embedding_dim": 4},
    **{
        "max_steps": 1,
        "batch_size": 2,
        "segment_s": 0.1,
        "prepare_segments": 8,
        "valid_segments": 2,
        "num_workers": 1,
    },
    **{"use_tensorboard": False, "use_matplotlib": False},
}


def signal(seed: int, seconds: float = 0.3) -> np.ndarray:
    """(N,) noise of 16-bit values."""
    samples = np.random.default_rng(seed).normal(0, 0.05, int(seconds * RATE))
    return np.round(samples * 32768) / 32768


def write_recipe(root: Path) -> None:
    """Two mixtures of two speakers, four sources, codes, a codec, another one, a system, a scored folder."""
    from espnet_tse.bin import encode_codes

    with contextlib.chdir(root):
        for folder in ("audio", "conf", "exp"):
            Path(folder).mkdir()
        columns: dict[str, dict[str, str]] = {name: {} for name in ("wav", "spk1", "spk2", "enroll_spk1")}
        for number, key in enumerate(("m0", "m1")):
            target, other, enrollment = (signal(10 * number + part) for part in range(3))
            for column, kind, samples in zip(
                columns, ("mix", "s1", "s2", "enroll"), (target + other, target, other, enrollment)
            ):
                columns[column][key] = f"audio/{key}_{kind}.wav"
                soundfile.write(columns[column][key], samples, RATE, subtype="PCM_16")
        for name, entries in columns.items():
            write_scp(f"data/test/{name}.scp", entries)
        write_scp("data/test/utt2spk", {"m0": "ann", "m1": "bob"})
        write_scp("data/test/spk2utt", {"ann": "m0", "bob": "m1"})
        write_scp("data/test/utt2num_samples", {"m0": 4800, "m1": 4800})
        Path("data/test/protocol").write_text("kind: clean\n")
        sources = {f"{speaker}-{number}": speaker for speaker in ("ann", "bob") for number in range(2)}
        for seed, key in enumerate(sources, 50):
            soundfile.write(f"audio/{key}.wav", signal(seed), RATE, subtype="PCM_16")
        write_scp("data/train/wav.scp", {key: f"audio/{key}.wav" for key in sources})
        write_scp("data/train/utt2spk", sources)
        Path("data/train/mixing.yaml").write_text("sir_db: [-5, 5]\n")
        write_codec(Path("exp/codec"))
        write_codec(Path("exp/other_codec"), seed=1)
        write_system(Path("."))
        for name, scp in (("test", "spk1.scp"), ("train", "wav.scp")):
            words = f"--codec exp/codec --scp data/{name}/{scp} --output_dir codes/{name}"
            assert encode_codes.main(words.split()) == 0
        write_scp("decoded/wav.scp", columns["wav"])
        Path("conf/tse.yaml").write_text(yaml.safe_dump({**SYSTEM, **TRAINING}))
        Path("conf/codec.yaml").write_text(yaml.safe_dump(CODEC))
        Path("conf/decode.yaml").write_text("length_mode: exact\n")
        result = '{"meta": {"system": "a", "test_set": "t", "signature": "s"}, "metrics": {}, "wer": {}}'
        Path("exp/a/scoring").mkdir(parents=True)
        Path("exp/a/scoring/result.json").write_text(result)


@pytest.fixture(scope="session")
def recipe_template(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("template")
    write_recipe(root)
    return root


@dataclass
class Recipe:
    """A copy of the template, which is the working directory; ``run`` calls a command in this process."""

    read_output: Callable[[], str]

    def run(self, name: str, options: str = "") -> tuple[int, str]:
        """Exit code of a command and all that it has printed and logged."""
        module, _, words = COMMANDS[name]
        try:
            code = importlib.import_module(f"espnet_tse.bin.{module}").main(
                [*words.split(), *options.split()]
            )
        except SystemExit as stopped:
            code = stopped.code
        return code, self.read_output()

    def refuses(self, name: str, *parts: str, code: int = 1, options: str = "") -> str:
        """Run a command that must fail: its message has ``parts``, nothing is lost and nothing half-written."""
        before = digests()
        found, output = self.run(name, options)
        assert found == code, output
        for part in parts:
            assert part in output, output
        assert "Traceback" not in output
        after = digests()
        assert before.items() <= after.items()
        # A log, and the identity of the codec that a folder is for.
        assert {Path(path).name for path in after.keys() - before.keys()} <= {"train.log", "manifest.json"}
        self.is_clean(name)
        return output

    @staticmethod
    def is_clean(name: str) -> None:
        """out/ holds no temporary file, nothing that says that ``name`` is done, and no file that cannot be read."""
        out = Path("out")
        assert not [path for mark in COMMANDS[name][1] for path in out.glob(mark)]
        for path in out.rglob("*"):
            assert ".tmp" not in path.name
            if path.suffix in (".wav", ".flac"):
                assert len(soundfile.read(path)[0]) == soundfile.info(path).frames > 0
            elif path.suffix == ".npy":
                np.load(path)

    @staticmethod
    def edit(path: str, old: str, new: str) -> None:
        text = Path(path).read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new))

    @staticmethod
    def set_line(path: str, key: str, value: object | None) -> None:
        """Set the line of ``key``, or drop it."""
        entries = {**read_scp(path), key: value}
        write_scp(path, {k: v for k, v in entries.items() if v is not None})


def digests() -> dict[str, str]:
    """sha256 of every file outside of out/."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(".").rglob("*")
        if path.is_file() and path.parts[0] != "out"
    }


@pytest.fixture
def recipe(recipe_template, tmp_path, monkeypatch, capsys, caplog):
    root = tmp_path / "recipe"
    shutil.copytree(recipe_template, root)
    monkeypatch.chdir(root)
    handlers = logging.getLogger().handlers[:]

    def read_output() -> str:
        captured = capsys.readouterr()
        return captured.out + captured.err + caplog.text

    yield Recipe(read_output)
    # Trainings log to files of their own, which are gone with the folder.
    for handler in set(logging.getLogger().handlers) - set(handlers):
        handler.close()
    logging.getLogger().handlers[:] = handlers
