"""Recognisers with and without an extractor in front of them, in several conditions (as in arXiv:2603.12837)."""

import contextlib
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Mapping, Sequence

from torch import nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.scp import DataError
from espnet_tse.report.front_end_figure import draw_front_ends
from espnet_tse.report.front_end_rows import ALONE, FrontEndRow, front_end_markdown
from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.asr.whisper_sizes import published_parameters
from espnet_tse.scoring.result.score_system import score_system
from espnet_tse.scoring.run.job_pool import JobError
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.plan_asr import choose_normaliser, plan_recognisers
from espnet_tse.scoring.run.presets import DEFAULTS, PRESETS
from espnet_tse.tasks.extraction import extract_scp
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.listening_conditions import (
    ListeningSet,
    SceneConf,
    begin_inputs,
    read_set,
    write_inputs,
)

PRESET = "offline"
NO_METRICS = ",".join(f"-{name}" for name in PRESETS[PRESET].metrics)  # words alone
BATCH_SIZE = 8
# Beside the estimates; of another name than in a run's score stage, whose results the report collects.
RECOGNISED = "recognised"


@dataclass(frozen=True)
class Recognition:
    """Recognisers as values of ``--asr`` of the scorer, and how they are run."""

    asr: tuple[str, ...]
    model_dir: Path | None = None
    nj: int = 1

    def check(self) -> None:
        """Raise DataError, the scorer's own, where one of them is unknown or cannot run here."""
        found, lacking = plan_recognisers(self.asr, PRESETS[PRESET].decode, self.model_dir)
        if lacking:
            raise DataError("\n".join(lacking.values()))
        if outer := [spec for spec in found if spec.kind == "external"]:
            raise DataError(
                f"--asr external:{outer[0].estimate_text}: holds words of one list of signals, while each condition and front "
                "end is heard here; name a recogniser that runs, as whisper:base."
            )
        choose_normaliser(DEFAULTS["text_norm"], found)

    @property
    def parameters(self) -> dict[str, int | None]:
        """Tag -> published number of parameters, None where there is none."""
        specs = [parse_asr(option) for option in self.asr]
        return {spec.tag: published_parameters(spec) for spec in specs}


@dataclass(frozen=True)
class FrontEnds:
    """Trained systems by name, and how they are run."""

    places: Mapping[str, str]  # name -> exp/tse_..., a packed archive or a hub id
    inference_config: str | None = None
    checkpoint: str | None = None
    device: str = "cpu"

    def open(self, sample_rate: int) -> dict[str, Extractor]:
        """Open all of them.

        Args:
            sample_rate: Hz, of the set.
        Raises:
            DataError: one cannot be opened, is set to another task than ``tse``, reads the truth, or works at another rate.
        """
        found = {}
        for name, place in self.places.items():
            extractor = Extractor.from_pretrained(
                place, self.inference_config, self.checkpoint, device=self.device
            )
            if extractor.conf.task != "tse":
                raise DataError(
                    f"--system {name}: is set to task {extractor.conf.task}; a front end extracts the enrolled talker, task tse."
                )
            if extractor.conf.wants_truth:
                raise DataError(
                    f"--system {name}: ratio: oracle reads the truth, which a recogniser has not; take ratio: predicted."
                )
            if extractor.sample_rate != sample_rate:
                raise DataError(
                    f"--system {name}: works at {extractor.sample_rate} Hz, the set is at {sample_rate} Hz, so that bandwidth "
                    "would be judged with it; take a set at the system's rate."
                )
            found[name] = extractor
        return found


def evaluate(
    data_dir: Path, front_ends: FrontEnds, recognition: Recognition, scene: SceneConf, output_dir: Path
) -> str:
    """``front_end_asr.json``, ``.md`` and ``.png`` below ``output_dir``; what an earlier run has made there is kept.

    Returns:
        the table.
    Raises:
        DataError: the set, a system or a recogniser cannot be used, or the folder is of other settings.
    """
    recognition.check()
    data = read_set(data_dir)
    extractors = front_ends.open(data.sample_rate)
    begin_inputs(data, scene, output_dir)
    rows, sizes = [], recognition.parameters
    for condition, mixture_scp in write_inputs(data, scene, output_dir / "inputs").items():
        words = recognised(mixture_scp, output_dir / condition / ALONE, data, recognition)
        rows += rows_of(condition, ALONE, 0, words, sizes)
        for name, extractor in extractors.items():
            folder = output_dir / condition / name
            logging.info(f"{condition}: {name} -> {folder}")
            extract_scp(extractor, str(mixture_scp), str(data.enroll_scp), folder, BATCH_SIZE, None)
            words = recognised(folder / "wav.scp", folder, data, recognition)
            rows += rows_of(condition, name, num_parameters(extractor), words, sizes)
    return write_tables(rows, scene, output_dir)


def num_parameters(extractor: Extractor) -> int:
    """Of all modules that an extraction may run, frozen ones and tables of codecs among them."""
    judge = [] if extractor.selector is None else vars(extractor.selector).values()
    parts = [extractor.model, extractor.corrector, *judge]
    modules = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
    codecs = [part for part in modules.modules() if isinstance(part, AbsCodec)]
    return sum(parameter.numel() for parameter in modules.parameters()) + sum(
        codec.codebooks.numel() for codec in codecs
    )


def recognised(
    estimates: Path, folder: Path, data: ListeningSet, recognition: Recognition
) -> dict[str, dict]:
    """Tag of each recogniser -> its word errors as in the scorer's ``result.json``, which ``folder/recognised`` gets."""
    options = ScoringOptions(
        inf_scp=estimates,
        output_dir=folder / RECOGNISED,
        text=data.text,
        metrics=NO_METRICS,
        preset=PRESET,
        asr=recognition.asr,
        model_dir=recognition.model_dir,
        nj=recognition.nj,
        system=folder.name,
        test_set=folder.parent.name,
        force=True,  # failed outputs are counted in the table
    )
    plan = make_plan(options)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            score_system(plan)
    except JobError as error:
        raise DataError(f"{folder}: cannot be recognised: {error}") from error
    result = json.loads((options.output_dir / "result.json").read_text(encoding="utf-8"))
    return {spec.tag: result["wer"][f"wer_{spec.tag}"] for spec in plan.asr}


def rows_of(
    condition: str, system: str, size: int, words: Mapping[str, dict], sizes: Mapping[str, int | None]
) -> list[FrontEndRow]:
    """A row of each recogniser.

    Args:
        size: parameters of the front end.
        words: tag -> word errors, as ``recognised``.
        sizes: tag -> parameters of the recogniser.
    """
    return [
        FrontEndRow(
            condition=condition,
            system=system,
            recogniser=tag,
            smoke_test=found["smoke_test"],
            wer=found["corpus"],
            ci95=tuple(found["ci95"]) if found["ci95"] else None,
            substitutions=found["sub"],
            deletions=found["del"],
            insertions=found["ins"],
            num_words=found["nref"],
            num_utterances=found["n"],
            num_penalised=found["n_penalized"],
            front_end_parameters=size,
            recogniser_parameters=sizes[tag],
        )
        for tag, found in words.items()
    ]


def write_tables(rows: Sequence[FrontEndRow], scene: SceneConf, output_dir: Path) -> str:
    """Write the rows as JSON, Markdown and a figure; return the Markdown."""
    remarks = scene.remarks()
    table = front_end_markdown(rows, remarks)
    with atomic_write(output_dir / "front_end_asr.png", "wb") as file:
        draw_front_ends(rows, file)
    with atomic_write(output_dir / "front_end_asr.md") as file:
        file.write(table)
    content = {"conditions": remarks, "rows": [asdict(row) for row in rows]}
    write_json(output_dir / "front_end_asr.json", content)
    return table
