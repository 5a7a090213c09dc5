"""The shards of an extraction as an array job -> one folder."""

import json
import logging
from pathlib import Path

from espnet_tse.io.files import write_json
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.schema.presence import Presence
from espnet_tse.tasks.extraction import ESTIMATES_SCP, SECOND_SCP, SECOND_TALKER, summary
from espnet_tse.tasks.extraction_record import RECORD, differing_settings, read_record
from espnet_tse.tasks.kept_inputs import refuse_input_lists
from espnet_tse.tasks.presence_record import read_presences, write_presences


def merge_shards(output_dir: Path, mixture_scp: str, num_shards: int) -> None:
    """Join the shards of an array job: ``wav.scp`` and ``decode.json`` of ``output_dir``.

    Counts and times are summed; memory is that of the job that took most. Estimates of keys that ``mixture_scp`` does not
    hold any more are left out, with a warning: those counts and times are still of all that was extracted.

    Raises:
        DataError: a shard is missing, or of another model or other settings than the first; a key of ``mixture_scp`` was
            not produced, or that list would be written over.
    """
    refuse_input_lists(output_dir, None, (ESTIMATES_SCP, SECOND_SCP, SECOND_TALKER), [mixture_scp])
    merged: dict[str, str] = {}
    second: dict[str, str] = {}
    told: dict[str, str] = {}
    presences: dict[str, Presence] = {}
    totals: dict[str, float] = {}
    settings: dict | None = None
    models: list[dict] = []  # what made each shard
    for part in range(1, num_shards + 1):
        folder = output_dir / str(part)
        merged |= read_scp(folder / ESTIMATES_SCP)
        try:
            decoded = json.loads((folder / "decode.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            raise DataError(
                f"{folder / 'decode.json'}: cannot be read ({error}); run shard {part} of {num_shards} "
                "again, it goes on where it stopped."
            ) from None
        record = read_record(folder / RECORD, None)
        models.append({name: record[name] for name in ("model", "codecs", "systems")})
        if odd := [name for name in models[0] if models[-1][name] != models[0][name]]:
            raise DataError(
                f"{folder / RECORD}: is of another model than shard 1 ({', '.join(odd)}); remove {folder} and "
                f"run shard {part} of {num_shards} again with the same model."
            )
        own = decoded.pop("settings")
        settings = own if settings is None else settings
        if odd := differing_settings(settings, own):
            raise DataError(
                f"{folder / 'decode.json'}: other settings than of shard 1 ({', '.join(odd)}); remove {folder} and run "
                f"shard {part} of {num_shards} again with the same settings."
            )
        if settings.get("task") == "ss":
            second |= read_scp(folder / SECOND_SCP)
            told |= read_scp(folder / SECOND_TALKER)
        presences |= read_presences(folder)
        for name in ("num_utterances", "audio_s", "wall_s", "function_evaluations", "num_frames"):
            totals[name] = totals.get(name, 0) + decoded[name]
        for name in ("peak_memory_mb", "gpu_peak_mb"):
            if name in decoded:
                totals[name] = max(totals.get(name, 0.0), decoded[name])
    wanted = read_scp(mixture_scp)
    separated = settings is not None and settings.get("task") == "ss"
    there = merged.keys() & second.keys() & told.keys() if separated else merged.keys()
    missing = sorted(wanted.keys() - there)
    if missing:
        raise DataError(
            f"{output_dir}: lacks {len(missing)} keys of {mixture_scp}, the first is '{missing[0]}'; "
            "run the shards again, they go on where they stopped."
        )
    if dropped := sorted(merged.keys() - wanted.keys()):
        logging.warning(
            f"{output_dir}: {len(dropped)} estimates of keys that {mixture_scp} does not hold are left out of wav.scp, the "
            f"first is '{dropped[0]}'; decode.json counts them"
        )
        merged = {key: place for key, place in merged.items() if key in wanted}
    write_scp(output_dir / ESTIMATES_SCP, merged)
    if separated:
        write_scp(output_dir / SECOND_SCP, {key: second[key] for key in merged})
        write_scp(output_dir / SECOND_TALKER, {key: told[key] for key in merged})
    if presences:
        write_presences(output_dir, {key: presences[key] for key in wanted if key in presences})
    write_json(
        output_dir / "decode.json", {**summary(totals), "num_shards": num_shards, "settings": settings}
    )
    logging.info(
        f"{output_dir}: {len(merged)} estimates, RTF {totals['wall_s'] / max(totals['audio_s'], 1e-9):.3f}"
    )
