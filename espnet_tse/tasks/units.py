"""Fitting of unit tokenizers: k-means on features of clean speech."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from espnet_tse.codec.load import codec_choices, save_codec
from espnet_tse.codec.units import AbsUnits
from espnet_tse.data.audio_store import AudioStore
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import without_tuples
from espnet_tse.schema.manifest import MANIFEST
from espnet_tse.tasks.finished_tokenizer import refuse_other_options
from espnet_tse.train.codec_train_conf import CodecTrainConf

REPORT_S = 10.0  # between two lines of progress


def fit_units(
    conf: CodecTrainConf, store: AudioStore, train_dir: Path, output_dir: Path, device: str
) -> None:
    """Fit, then write the folder ``output_dir``; one that is complete is left as it is.

    Args:
        store: the clean utterances at the tokenizer's rate.
    Raises:
        DataError: fewer frames than units, or the folder is complete and of other options.
    """
    if (output_dir / MANIFEST).is_file():
        refuse_other_options(output_dir, conf)
        logging.info(f"{output_dir} is complete")
        return
    units = codec_choices.build(conf.codec, conf.codec_conf).to(device)
    features = collected(units, store, conf.prepare_frames, conf.seed, device)
    started = time.perf_counter()
    try:
        figures = units.fit(features, conf.seed)
    except ValueError as error:
        raise DataError(f"{train_dir}: {error}") from error
    logging.info(
        f"k-means of {len(features)} frames in {time.perf_counter() - started:.1f} s: mean squared distance "
        f"{figures['inertia']:.4f}, perplexity {figures['perplexity']:.1f} of {units.config.num_units} units"
    )
    config = without_tuples(asdict(conf))
    training = {"data": str(train_dir), "frames": len(features), "valid": figures, "config": config}
    manifest = save_codec(output_dir, units.cpu().eval(), config, conf.licence, training)
    logging.info(f"{output_dir}: sha256 {manifest['sha256'][:12]}, fingerprint {manifest['fingerprint']}")


@torch.no_grad()
def collected(units: AbsUnits, store: AudioStore, num_frames: int, seed: int, device: str) -> torch.Tensor:
    """(M, D) features of whole utterances in a drawn order, about ``num_frames`` of them."""
    keys, parts, count, reported = sorted(store.paths), [], 0, time.perf_counter()
    for index in np.random.default_rng(seed).permutation(len(keys)):
        signal = torch.from_numpy(store.load(keys[index]))[None].to(device)
        parts.append(units.features(signal)[0].cpu())
        count += len(parts[-1])
        if time.perf_counter() - reported > REPORT_S:
            reported = time.perf_counter()
            logging.info(f"{count} of {num_frames} frames read")
        if count >= num_frames:
            break
    return torch.cat(parts)[:num_frames]
