"""Preferences: candidates drawn by a trained system, ranked by the scorer, the best and the worst of each mixture.

Drawing is as in GenTSE's sister system (arXiv:2507.09929): the logits of one teacher-forced pass, of each position the
``top_k`` likeliest tokens, every position by itself.
"""

import argparse
import hashlib
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterable, Mapping
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.data.collate import TSECollate
from espnet_tse.data.preference_store import PREFERENCES_SCP, write_preference
from espnet_tse.io.audio import write_audio
from espnet_tse.io.files import atomic_write, is_there, write_json
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError, write_scp
from espnet_tse.lm.sampling import SamplingConf, choose_tokens, row_draws
from espnet_tse.loss.preference import log_probability
from espnet_tse.models.level import restore_level
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.models.gentse import GenTSE
from espnet_tse.schema import Codes, Conditions, Prediction, Streams, TSEBatch
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.scoring.result.score_system import score_system
from espnet_tse.scoring.run.job_pool import JobError
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import ScoringPlan, make_plan
from espnet_tse.tasks.checkpoint import load_model, read_config, tokenizers_of
from espnet_tse.tasks.preference_conf import PreferenceConf, weights_of
from espnet_tse.tasks.tokenizers import manifests_of
from espnet_tse.tasks.tse import TSETask, streams_of_tokenizers

RECORD = "make_preferences.json"
REPORT_S = 10.0  # between two lines of progress
PASS = 0  # of the data set; training begins with the first


def make_preferences(
    system: Path,
    data_dir: Path,
    tokens: Mapping[str, str],
    output_dir: Path,
    conf: PreferenceConf,
    nj: int = 1,
) -> dict[str, int]:
    """Write a TSE directory with ``preferences.scp``: mixtures, targets, enrollments and codes of the rows that are no ties.

    Candidates and scores are kept below it, so the same command goes on where it stopped.

    Args:
        system: ``exp/tse_...`` of model ``gentse``.
        data_dir: mixtures are those of this set, or drawn from it where it holds a ``mixing.yaml``.
        tokens: tokenizer -> folder of the codes of its targets.
        nj: processes that score.
    Returns:
        ``utterances``, ``pairs`` and ``ties``.
    Raises:
        DataError: another model, data or codes that do not fit, or the folder was begun with something else.
    """
    model = load_model(system)
    if type(model) is not GenTSE:
        raise DataError(
            f"{system}: preferences are drawn from systems of model gentse, not {type(model).__name__}."
        )
    places = tokenizers_of(system, read_config(system))
    dataset = open_set(system, data_dir, tokens, places, conf.seed)
    lists = lists_sha256([data_dir, *(Path(tokens[name]) for name in sorted(places))])
    begin(output_dir, {"model": weights_sha256(model), "data": str(data_dir), "lists": lists, **asdict(conf)})
    order = np.random.default_rng([conf.seed, len(dataset)]).permutation(len(dataset))[: conf.num_utterances]
    first = draw_all(model, dataset, order[:1].tolist(), output_dir, conf)
    plan_of(first, output_dir, conf, nj)  # what the scorer lacks shows now and not behind hours of drawing
    lists = draw_all(model, dataset, order.tolist(), output_dir, conf)
    scores = score_all(lists, output_dir, conf, nj)
    return write_pairs(lists, scores, output_dir, conf, {name: tokens[name] for name in places})


def begin(output_dir: Path, settings: dict) -> None:
    """Write what the folder is made from, or compare it with what is there.

    Raises:
        DataError: it was begun with something else, or holds something else.
    """
    path = output_dir / RECORD
    if path.is_file():
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}: cannot be read ({error}); remove {output_dir}.") from None
        odd = sorted(name for name in settings if before.get(name) != settings[name])
        if odd:
            raise DataError(
                f"{output_dir}: was begun with another {', '.join(odd)}; name another --output_dir, or remove it."
            )
        return
    # A stage's log and marks may be there before.
    others = [path.name for path in output_dir.glob("[!.]*") if path.name != "log"]
    if others:
        raise DataError(
            f"{output_dir}: holds other files ({', '.join(sorted(others)[:3])}); preferences want a folder of their own."
        )
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(path, settings)


def lists_sha256(folders: Iterable[Path]) -> str:
    """Hash of the lists in these folders, done marks aside: another one is of other data."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.glob("[!.]*") if path.is_file()):
            digest.update(path.name.encode("utf-8") + path.read_bytes())
    return digest.hexdigest()


def open_set(system: Path, data_dir: Path, tokens: Mapping[str, str], places: Mapping[str, str], seed: int):
    """The examples as in the system's own training; enrollments and mixtures are cut as there."""
    config = read_config(system)
    manifests = manifests_of(places)
    lacking = [name for name in places if name not in tokens]
    if lacking:
        raise DataError(
            f"--tokens: lacks {', '.join(f'{name}=FOLDER' for name in lacking)} of the targets' codes."
        )
    try:
        check_known(tokens, places, where="--tokens")
    except ValueError as error:
        raise DataError(str(error)) from None
    args = argparse.Namespace(
        train_data_dir=str(data_dir),
        train_tokens=dict(tokens),
        train_embeddings=None,
        seed=seed,
        cache_audio=False,
        stored_passes=0,
        mixing=config.get("mixing") or {},
        **{name: config.get(name) for name in ("crop_s", "enrollment_s", "model", "model_conf")},
    )
    return TSETask.open_dataset(args, True, manifests)


@dataclass
class Drawn:
    """What is known of a key when its candidates are drawn."""

    example: dict
    files: dict[str, Path]  # mixture, target, enrollment, candidates


def draw_all(
    model: GenTSE, dataset, order: list[int], folder: Path, conf: PreferenceConf
) -> dict[str, Drawn]:
    """Draw, decode and write the candidates of every example; those that are there are kept."""
    drawn, started, reported, done = {}, time.perf_counter(), time.perf_counter(), 0
    for place in ("audio", "candidates"):
        (folder / place).mkdir(exist_ok=True)
    streams = {name: model.semantic_lm.specs[name] for name in ("semantic",)}
    streams["acoustic"] = model.acoustic_lm.specs["acoustic"]
    collate = TSECollate(
        {name: spec.hop_length and model.sample_rate / spec.hop_length for name, spec in streams.items()}
    )
    for count, index in enumerate(order):
        example = dataset.example(PASS, index)
        key = example["key"]
        files = {
            role: folder / "audio" / f"{key}_{role}.wav" for role in ("mixture", "target", "enrollment")
        } | {"candidates": folder / "candidates" / f"{key}.npz"}
        drawn[key] = Drawn(example, files)
        written = [*files.values(), *(candidate_file(folder, key, n) for n in range(conf.candidates))]
        if all(map(is_there, written)):
            continue
        for role in ("mixture", "target", "enrollment"):
            write_audio(files[role], example[role], model.sample_rate, as_float=True)
        keys, tensors = collate([example])
        batch = to_tse_batch({**tensors, "utt_id": keys}, model.sample_rate)
        waveforms, arrays = draw(model, batch, key, conf)
        for number, waveform in enumerate(waveforms):
            write_audio(candidate_file(folder, key, number), waveform, model.sample_rate, as_float=True)
        with atomic_write(files["candidates"], "wb") as file:
            np.savez(file, **arrays)
        done += 1
        now = time.perf_counter()
        if now - reported > REPORT_S or count + 1 == len(order):
            reported = now
            left = (now - started) / done * (len(order) - count - 1)
            logging.info(f"candidates of {count + 1}/{len(order)} mixtures drawn, {left:.0f} s to go")
    return drawn


def candidate_file(folder: Path, key: str, number: int) -> Path:
    return folder / "candidates" / f"{key}#{number}.wav"


@torch.no_grad()
def draw(
    model: GenTSE, batch: TSEBatch, key: str, conf: PreferenceConf
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Candidates of one mixture.

    Returns:
        (M, N) at the mixture's level; ``codes`` (M, T), ``semantic`` (T_s,) and ``log_probabilities`` (M,).
    """
    units, logits = model.reference_logits(batch)
    first, end = model.acoustic_lm.vocabulary.range("acoustic")
    own = logits[0, :, first:end].float()
    draws = row_draws([f"{key}#{number}" for number in range(conf.candidates)], conf.seed, len(own), 1)[
        ..., 0
    ]
    # Each candidate is a row, each position a stream of its own.
    sampling = SamplingConf(sampling=True, top_k=conf.top_k)
    values = choose_tokens(own.expand(conf.candidates, -1, -1), sampling, draws)
    length = batch.targets["acoustic"].lengths
    codes = Codes(values[:, None], length.expand(conf.candidates), batch.targets["acoustic"].frame_rate)
    waveform = model.vocoder.synthesize(Prediction(Streams(acoustic=codes)), Conditions(Streams()))
    waveform = fitted(waveform, batch.mixture.size(1))
    copies = batch.rows(torch.zeros(conf.candidates, dtype=torch.int64))
    waveform = restore_level(waveform, copies, "mixture_rms")
    padding = torch.zeros(values.shape, dtype=torch.bool)
    probabilities = log_probability(logits.expand(conf.candidates, -1, -1), values + first, padding)
    arrays = {
        "codes": values.numpy(),
        "semantic": units.values[0, 0].numpy(),
        "log_probabilities": probabilities.numpy(),
    }
    return waveform.numpy(), arrays


def fitted(waveform: Tensor, num_samples: int) -> Tensor:
    """(M, N') cut or zero-padded to N samples, and a copy."""
    missing = max(0, num_samples - waveform.size(1))
    return torch.nn.functional.pad(waveform, (0, missing))[:, :num_samples].clone()


def plan_of(drawn: Mapping[str, Drawn], folder: Path, conf: PreferenceConf, nj: int) -> ScoringPlan:
    """The scoring run of all candidates ``key#m``, whose lists are written.

    Raises:
        DataError: a metric lacks its package or its weights, or something that the set does not have.
    """
    scores_dir = folder / "scores"
    scores_dir.mkdir(exist_ok=True)
    names = {"mix": "mixture", "ref": "target", "enroll": "enrollment"}
    keys = [(f"{key}#{number}", key, number) for key in drawn for number in range(conf.candidates)]
    write_scp(scores_dir / "inf.scp", {one: candidate_file(folder, key, number) for one, key, number in keys})
    for name, role in names.items():
        write_scp(scores_dir / f"{name}.scp", {one: drawn[key].files[role] for one, key, _ in keys})
    options = ScoringOptions(
        inf_scp=scores_dir / "inf.scp",
        output_dir=scores_dir / "results",
        metrics=",".join(weights_of(conf.score)),
        model_dir=Path(conf.model_dir) if conf.model_dir else None,
        nj=nj,
        force=True,  # failures are worth their penalties here, too
        system=folder.name,
        **{f"{name}_scp": scores_dir / f"{name}.scp" for name in names},
    )
    return make_plan(options)


def score_all(drawn: Mapping[str, Drawn], folder: Path, conf: PreferenceConf, nj: int) -> dict[str, float]:
    """Candidate ``key#m`` -> weighted sum of its metrics; candidates that could not be scored are left out."""
    plan, weights, scores = plan_of(drawn, folder, conf, nj), weights_of(conf.score), {}
    try:
        score_system(plan)
    except JobError as error:
        raise DataError(f"{folder}: the candidates cannot be scored: {error}") from error
    with (plan.options.output_dir / "scores.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            values = [row.get(name) for name in weights]
            if None not in values:
                scores[row["utt"]] = sum(weight * value for weight, value in zip(weights.values(), values))
    return scores


def write_pairs(
    drawn: Mapping[str, Drawn],
    scores: Mapping[str, float],
    folder: Path,
    conf: PreferenceConf,
    tokens: Mapping[str, str],
) -> dict[str, int]:
    """The best and the worst candidate of each mixture, and the lists of a TSE directory; ties are left out."""
    pairs, margins = {}, {}
    (folder / "pairs").mkdir(exist_ok=True)
    for key, one in drawn.items():
        ranked = sorted(
            (number for number in range(conf.candidates) if f"{key}#{number}" in scores),
            key=lambda number: (-scores[f"{key}#{number}"], number),
        )
        if len(ranked) < 2:
            continue
        best, worst = ranked[0], ranked[-1]
        margin = scores[f"{key}#{best}"] - scores[f"{key}#{worst}"]
        if not margin >= max(conf.min_margin, 1e-12):
            continue
        codes, probabilities, units = stored_candidates(one.files["candidates"])
        pairs[key], margins[key] = folder / "pairs" / f"{key}.npz", margin
        write_preference(
            pairs[key],
            {
                "better": codes[best][:, None],
                "worse": codes[worst][:, None],
                "predicted_semantic": units[:, None],
                "reference": probabilities[[best, worst]][None].astype(np.float32),
            },
        )
    if not pairs:
        raise DataError(
            f"{folder}: all {len(drawn)} mixtures are ties; draw more --candidates, or lower --min_margin."
        )
    write_lists(drawn, list(pairs), folder, tokens)
    with atomic_write(folder / "utt2margin") as file:
        file.writelines(f"{key} {margins[key]:.6f}\n" for key in sorted(margins))
    write_scp(folder / PREFERENCES_SCP, {key: pairs[key] for key in sorted(pairs)})
    counts = {"utterances": len(drawn), "pairs": len(pairs), "ties": len(drawn) - len(pairs)}
    write_json(folder / "counts.json", {**counts, "mean_margin": float(np.mean(list(margins.values())))})
    return counts


def stored_candidates(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes (M, T), log-probabilities (M,) and units (T_s,) of ``draw``.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["codes"], stored["log_probabilities"], stored["semantic"]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); remove it and run the same command again."
        ) from None


def write_lists(
    drawn: Mapping[str, Drawn], keys: Iterable[str], folder: Path, tokens: Mapping[str, str]
) -> None:
    """``wav.scp`` and the like of a TSE directory, and the codes of its targets by tokenizer."""
    keys = sorted(keys)
    for name, role in (("wav", "mixture"), ("spk1", "target"), ("enroll_spk1", "enrollment")):
        write_scp(folder / f"{name}.scp", {key: drawn[key].files[role] for key in keys})
    with atomic_write(folder / "utt2spk") as file:
        file.writelines(f"{key} {key}\n" for key in keys)
    with atomic_write(folder / "utt2num_samples") as file:
        file.writelines(f"{key} {len(drawn[key].example['mixture'])}\n" for key in keys)
    for name, source in tokens.items():
        manifest = read_manifest(source)
        for stream in streams_of_tokenizers({name: manifest}):
            (folder / "codes" / name / stream).mkdir(parents=True, exist_ok=True)
            files = {key: folder / "codes" / name / stream / f"{key}.npy" for key in keys}
            for key, path in files.items():
                with atomic_write(path, "wb") as file:
                    np.save(file, drawn[key].example["targets"][stream])
            write_scp(folder / "codes" / name / f"{stream}.scp", files)
        manifest.pop("path", None)
        write_json(folder / "codes" / name / "manifest.json", manifest)
