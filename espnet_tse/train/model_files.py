"""Weights of epochs in a training's folder: which are kept, what points to them, their averages."""

import logging
import math
import os
from pathlib import Path

import torch

from espnet_tse.io.checksum import (
    check_checksum,
    checksum_file,
    kept_checksum,
    refuse_flipped_bytes,
    write_checksum,
)
from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CheckpointError, refusing, write_weights

Criterion = tuple[str, str, str]  # ("valid", "loss", "min")


def ranked_epochs(stats: dict, criterion: Criterion) -> list[int]:
    """Epochs from the best to the worst; one whose value is not a number is the worst.

    Args:
        stats: ``stats[epoch][phase][name]``, the reporter's.
    """
    phase, name, mode = criterion
    sign = 1 if mode == "min" else -1
    values = {epoch: sign * float(phases[phase][name]) for epoch, phases in stats.items()}
    return sorted(values, key=lambda epoch: (math.isnan(values[epoch]), values[epoch], epoch))


def kept_epochs(folder: Path, stats: dict, criterion: Criterion) -> list[int]:
    """As ``ranked_epochs``, of epochs whose weights are there.

    A training that goes on with a larger keep_nbest_models, or another criterion, has removed some of the best.
    """
    return [epoch for epoch in ranked_epochs(stats, criterion) if (folder / f"{epoch}epoch.pth").is_file()]


def keep_weights(path: Path, weights: dict) -> None:
    """Write a file of weights and its checksum, by which those who open it know that it is the one.

    Raises:
        CheckpointError: it cannot be written.
    """
    checksum_file(path).unlink(missing_ok=True)  # a kill in between must not leave that of other weights
    write_weights(path, weights)
    with refusing(checksum_file(path)):
        write_checksum(path)


def publish(folder: Path, stats: dict, epoch: int, criteria: list[Criterion], keep: int) -> list[str]:
    """Point ``latest.pth`` and ``*.best.pth`` to their epochs and remove the epochs that nobody needs.

    Doing it twice changes nothing, so a kill within is fixed by the next call.

    Returns:
        criteria for which ``epoch`` is the best so far, as ``valid.loss``.
    """
    kept, improved = {epoch}, []
    point(folder / "latest.pth", f"{epoch}epoch.pth")
    for criterion in criteria:
        ranking = kept_epochs(folder, stats, criterion)
        kept |= set(ranking[:keep])
        point(folder / f"{criterion[0]}.{criterion[1]}.best.pth", f"{ranking[0]}epoch.pth")
        if ranking[0] == epoch:
            improved.append(f"{criterion[0]}.{criterion[1]}")
    for number in range(1, epoch):
        if number not in kept:
            path = folder / f"{number}epoch.pth"
            for file in (checksum_file(path), path):
                file.unlink(missing_ok=True)
    return improved


def write_averages(
    folder: Path, stats: dict, criteria: list[Criterion], counts: list[int], suffix: str = ""
) -> None:
    """``<phase>.<name>.ave_<n>best.pth`` for every n of ``counts`` (at most as many epochs as there are).

    ``<phase>.<name>.ave.pth`` points to that of the largest n. Epochs that are not there any more are left out, and that is told.

    Raises:
        DataError: the weights of an epoch are damaged or others than were written.
    """
    for criterion in criteria:
        ranking, name = kept_epochs(folder, stats, criterion), f"{criterion[0]}.{criterion[1]}"
        best = ranked_epochs(stats, criterion)[: max(counts)]
        if gone := sorted(set(best) - set(ranking)):
            logging.warning(
                f"{folder}: by {name} epochs {sorted(best)} are the best, but the weights of {gone} were not kept "
                "(keep_nbest_models or best_model_criterion was another); the averages are of the best that are there"
            )
        sizes = sorted({min(count, len(ranking)) for count in counts})
        for size in sizes:
            path = folder / f"{name}.ave_{size}best.{suffix}pth"
            if size == 1:
                point(path, f"{ranking[0]}epoch.pth")
            else:
                keep_weights(path, average(folder, ranking[:size]))
        point(folder / f"{name}.ave.{suffix}pth", f"{name}.ave_{sizes[-1]}best.{suffix}pth")


def average(folder: Path, epochs: list[int]) -> dict:
    """Mean of the weights of epochs; integers are the best epoch's."""
    mean: dict = {}
    for epoch in epochs:
        path = folder / f"{epoch}epoch.pth"
        try:
            if kept := kept_checksum(path):
                check_checksum(path, *kept)
            else:
                refuse_flipped_bytes(path)
            weights = torch.load(path, map_location="cpu", weights_only=True)
        except DataError:
            raise
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(
                f"{path} cannot be read ({error}); it is one of the epochs to average."
            ) from error
        for name, value in weights.items():
            if name not in mean:
                mean[name] = value / len(epochs) if value.is_floating_point() else value
            elif value.is_floating_point():
                mean[name] += value / len(epochs)
    return mean


def point(link: Path, target: str) -> None:
    """Let ``link`` point to ``target`` beside it, and its checksum to that of ``target``, where there is one.

    At no moment is there no link. Where copying turns links into files, each keeps its checksum.
    """
    exchange(link, target)
    checksum = checksum_file(link.with_name(target))
    if checksum.exists():
        exchange(checksum_file(link), checksum.name)
    else:
        checksum_file(link).unlink(missing_ok=True)


def exchange(link: Path, target: str) -> None:
    """Put a link to ``target`` in the place of ``link``."""
    temporary = link.with_name(f"{link.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, link)
