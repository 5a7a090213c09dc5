"""How often the utterances of each source of a pooled set are targets."""

from pathlib import Path
from typing import Mapping, Sequence

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError, read_scp

SOURCES = "utt2source"


def weighted_keys(source_dir: Path, keys: Sequence[str], weights: Mapping[str, float]) -> list[str]:
    """The targets of an epoch, each utterance as often as the weight of its source says.

    Of a weight that is no whole number, the rest is an equally spaced part of the source's utterances: the same in each epoch.

    Args:
        source_dir: its ``utt2source`` names the source of each utterance.
        keys: utterances, in order.
        weights: source -> weight, 1 where a source is not named.
    Raises:
        DataError: ``utt2source`` is missing or lacks a key, a source is not in it, or nothing is left.
    """
    if not weights:
        return list(keys)
    path = source_dir / SOURCES
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; source_weights of mixing.yaml weighs the sources that it names."
        )
    utt2source = read_scp(path)
    lacking = [key for key in keys if key not in utt2source]
    if lacking:
        raise DataError(f"{path}: has no source of '{lacking[0]}' ({len(lacking)} missing); add it.")
    try:
        check_known(weights, set(utt2source.values()), where="source_weights")
    except ValueError as error:
        raise DataError(f"{source_dir / 'mixing.yaml'}: {error}; {path} names the sources.") from None
    counted = dict.fromkeys(utt2source.values(), 0)
    targets = []
    for key in keys:
        source = utt2source[key]
        weight = weights.get(source, 1.0)
        place = counted[source]
        targets += [key] * (int(weight * (place + 1)) - int(weight * place))
        counted[source] = place + 1
    if not targets:
        raise DataError(f"{source_dir / 'mixing.yaml'}: source_weights {dict(weights)} leave no targets.")
    return targets
