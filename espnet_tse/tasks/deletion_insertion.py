"""How much of what systems change is removed and how much is added, over a set of mixtures."""

import logging
from pathlib import Path
from typing import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from espnet_tse.io.audio import read_audio
from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.scp import DataError, read_filled_scp, read_scp
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.models.mask2flow import Mask2Flow
from espnet_tse.models.prepared_input import prepared, without_offset
from espnet_tse.schema import Request, TSEBatch
from espnet_tse.scoring.measure.deletion_insertion import Change, of_unit_norm
from espnet_tse.tasks.extractor import Extractor

REPORT = 20  # keys between two lines of progress


class DeletionInsertion:
    """Sums of each way from one spectrogram to another, as they are (raw) and of unit norm each (l2)."""

    def __init__(self):
        self.ways: dict[str, dict[str, Change]] = {}

    def add(self, name: str, before: Tensor, after: Tensor) -> None:
        """Take the way ``name`` of one utterance in: (T, num_mels) both."""
        way = self.ways.setdefault(name, {"raw": Change(), "l2": Change()})
        a, z = before.cpu().numpy(), after.cpu().numpy()
        way["raw"].add(a, z)
        way["l2"].add(of_unit_norm(a), of_unit_norm(z))

    def shares(self) -> dict[str, dict[str, float | None]]:
        """Way -> share of deletion, in percent, raw and l2; None where nothing changes."""
        return {
            name: {
                kind: None if change.deletion is None else 100 * change.deletion
                for kind, change in way.items()
            }
            for name, way in self.ways.items()
        }


def analyse(
    mix_scp: Path,
    output_dir: Path,
    ref_scp: Path | None = None,
    systems: Mapping[str, Path] | None = None,
    extractor: Extractor | None = None,
    enroll_scp: Path | None = None,
) -> dict[str, dict[str, float | None]]:
    """``di.json`` and ``di.png``: the share of deletion on the way from the mixture to everything else.

    Constant offsets are no part of either end: extraction takes them out.

    Args:
        ref_scp: clean targets.
        systems: name -> estimates of any system, at the level of their mixtures.
        extractor: of a Mask2Flow-TSE, whose mask and steps are analysed; wants ``enroll_scp``.
    Returns:
        way -> percent of deletion, raw and l2.
    Raises:
        DataError: another system, a key that a list lacks, or audio of another length or rate.
    """
    if extractor is not None and not isinstance(extractor.model, Mask2Flow):
        raise DataError(
            f"the steps of {type(extractor.model).__name__} cannot be analysed, those of Mask2Flow can; name its estimates "
            "by --system NAME=SCP."
        )
    mixtures = read_filled_scp(mix_scp)
    lists = {name: read_scp(path) for name, path in (systems or {}).items()}
    if ref_scp is not None:
        lists["target"] = read_scp(ref_scp)
    if extractor is not None:
        lists["enrollment"] = read_scp(enroll_scp)
    for name, entries in lists.items():
        if missing := [key for key in mixtures if key not in entries]:
            raise DataError(f"{name}: lacks {len(missing)} keys of {mix_scp}, the first is '{missing[0]}'.")
    enrollments, found, mel = lists.pop("enrollment", {}), DeletionInsertion(), None
    for count, (key, entry) in enumerate(mixtures.items(), start=1):
        mixture, rate = read_audio(entry)
        if mel is None:
            mel = extractor.model.encoder.mel if extractor else ShiftedLogMel(ShiftedLogMelConfig(rate))
        if rate != mel.config.sample_rate:
            raise DataError(
                f"key '{key}': {entry} is at {rate} Hz, want {mel.config.sample_rate}; resample it."
            )
        length = torch.tensor([len(mixture)])
        signal = without_offset(torch.from_numpy(mixture)[None], length)
        gain = mel.gain(signal, length)
        start = mel(signal, length).values[0]
        for name, entries in lists.items():
            other, other_rate = read_audio(entries[key])
            if (len(other), other_rate) != (len(mixture), rate):
                raise DataError(
                    f"key '{key}': {entries[key]} has {len(other)} samples at {other_rate} Hz, its mixture {len(mixture)} at "
                    f"{rate} Hz; cut or resample it."
                )
            after = mel(without_offset(torch.from_numpy(other)[None], length), length, gain)
            found.add(f"mixture to {name}", start, after.values[0])
        if extractor is not None:
            cue, _ = read_audio(enrollments[key], extractor.sample_rate)
            for name, before, after in ways_of(extractor, key, signal, torch.from_numpy(cue)[None]):
                found.add(name, before, after)
        if count % REPORT == 0 or count == len(mixtures):
            logging.info(f"{count}/{len(mixtures)} mixtures analysed")
    shares = found.shares()
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / "di.json", {"mixtures": len(mixtures), "percent_deleted": shares})
    with atomic_write(output_dir / "di.png", "wb") as file:
        draw(shares, file)
    return shares


@torch.no_grad()
def ways_of(
    extractor: Extractor, key: str, mixture: Tensor, enrollment: Tensor
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """(name, before, after) of the mask, of the flow, and of all up to each step of it."""
    lengths = [torch.tensor([signal.size(1)]) for signal in (mixture, enrollment)]
    batch = prepared(
        TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=extractor.sample_rate, keys=[key])
    )
    model, conf = extractor.model, extractor.conf
    conditions = model.encoder(batch)
    start, masked = (conditions.streams[name].values[0] for name in ("mixture", "masked"))
    yield "mixture to masked", start, masked
    states = list(model.lm.states(conditions, Request(lengths[0], [key], conf)))
    for number, state in enumerate(states, start=1):
        yield f"mixture to step {number}", start, state[0]
    yield "masked to output", masked, states[-1][0]


def draw(shares: Mapping[str, Mapping[str, float | None]], file) -> None:
    """Bars of deletion and insertion, a pair of each way: raw and l2."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.6 * len(shares)), layout="constrained")
    axes, names = figure.subplots(), list(shares)
    for offset, kind, shade in ((-0.18, "raw", 1.0), (0.18, "l2", 0.55)):
        deleted = np.array(
            [shares[name][kind] if shares[name][kind] is not None else np.nan for name in names]
        )
        places = np.arange(len(names)) + offset
        axes.barh(places, deleted, 0.34, color="#3b6ea8", alpha=shade, label=f"deleted, {kind}")
        axes.barh(
            places, 100 - deleted, 0.34, left=deleted, color="#d08c3c", alpha=shade, label=f"inserted, {kind}"
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of all that is changed")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=4, fontsize="small", frameon=False)
    figure.savefig(file, format="png", dpi=120)
