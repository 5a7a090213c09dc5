#!/usr/bin/env python3
"""Refuse what a finished mini recipe left below exp/ if a report, a score or a row is not there.

``.ci/check_results.py EXP_DIR ROWS``: every scored folder must hold ROWS rows.
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Sequence

SYSTEM = "laura_tse_nano"
SCORED = ("mixture/test", "codec_nano/resynthesis_test", f"tse_{SYSTEM}/decode_test")


def faults_of_files(exp: Path) -> list[str]:
    """RESULTS.md, report.html and the archive: there, about all systems, whole."""
    faults = []
    for name in ("RESULTS.md", "report.html"):
        text = (exp / name).read_text(encoding="utf-8") if (exp / name).is_file() else ""
        for system in ("mixture", "codec_nano resynthesis", SYSTEM):
            if system not in text:
                faults.append(f"{exp / name}: is not there or lacks '{system}'")
    archive = exp / f"tse_{SYSTEM}.zip"
    if not zipfile.is_zipfile(archive):
        return [*faults, f"{archive}: is not there or no zip"]
    with zipfile.ZipFile(archive) as file:
        broken = file.testzip()
    if broken:
        faults.append(f"{archive}: {broken} is broken")
    return faults


def faults_of_scores(folder: Path, rows: int) -> list[str]:
    """One scored set: as many rows as the test set, each with a number in every column."""
    if not (folder / "result.json").is_file():
        return [f"{folder}: no result.json"]
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    columns = result["metrics"] | result["wer"]
    faults = [f"{name} is not available: {why}" for name, why in result["meta"]["not_available"].items()]
    # Without one of these the preset or the recogniser was not run.
    wanted = {"si_sdr", "pesq", "estoi", "dnsmos_ovrl", "spk_resemblyzer", "conf_rate", "dwer_pocketsphinx"}
    faults += [f"no column {name}" for name in sorted(wanted - columns.keys())]
    for name, column in columns.items():
        counts = {key: column[key] for key in ("n", "n_penalized", "n_excluded")}
        if counts != {"n": rows, "n_penalized": 0, "n_excluded": 0}:
            faults.append(f"{name}: {counts} of {rows} rows")
    faults += [f"failed: {line}" for line in (folder / "failed").read_text(encoding="utf-8").splitlines()]
    lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    keys = {line["utt"] for line in lines}
    if (len(lines), len(keys)) != (rows, rows):
        faults.append(f"scores.jsonl has {len(lines)} rows of {len(keys)} keys, not {rows}")
    faults += [f"{line['utt']}: no {name}" for line in lines for name in columns if line.get(name) is None]
    return [f"{folder}: {fault}" for fault in faults]


def main(cmd: Sequence[str]) -> int:
    exp, rows = Path(cmd[0]), int(cmd[1])
    faults = faults_of_files(exp)
    for name in SCORED:
        faults += faults_of_scores(exp / name / "scoring", rows)
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{exp}: {len(SCORED)} systems, {rows} rows each, all scored; reports and archive are there")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
