"""A tokenizer's folder that is complete is of what its manifest says, and of nothing else."""

from dataclasses import asdict
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import without_tuples
from espnet_tse.schema.manifest import MANIFEST, read_manifest
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.step_record import HARMLESS


def refuse_other_data(output_dir: Path, train_dir: Path) -> None:
    """Raise DataError where ``output_dir`` holds a tokenizer that was trained on other data."""
    before = training_of(output_dir).get("data")
    if before is not None and Path(before).resolve() != train_dir.resolve():
        raise DataError(
            f"{output_dir} holds a tokenizer of {before}, not of {train_dir}; give the same --train_data_dir, or another "
            "--output_dir."
        )


def refuse_other_options(output_dir: Path, conf: CodecTrainConf) -> None:
    """Raise DataError where ``output_dir`` holds a tokenizer of other options."""
    before, now = training_of(output_dir).get("config", {}), without_tuples(asdict(conf))
    names = (before.keys() & now.keys()) - set(HARMLESS)
    if changed := sorted(name for name in names if before[name] != now[name]):
        raise DataError(
            f"{output_dir} holds a tokenizer of other {', '.join(changed)}; give the same options, or another --output_dir."
        )


def training_of(folder: Path) -> dict:
    """How the tokenizer of a folder came about; nothing where there is none."""
    return read_manifest(folder).get("training", {}) if (folder / MANIFEST).is_file() else {}
