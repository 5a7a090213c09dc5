"""All files of a scoring and of its report, as they were when they were last looked at.

After a wanted change: ``TSE_WRITE_GOLDEN=1 pytest test/scoring/test_golden.py`` writes them again; read the diff.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from espnet_tse.bin import report, score

GOLDEN = Path(__file__).with_name("golden")
METRICS = "si_sdr,si_sdr_i,sdr,estoi,conf_si_sdr,fail_rate,over_suppression,onset_loss,len_ratio,est_dbfs"
# What depends on the day, the place, the commit or the versions.
DAILY = re.compile(r"^(- (date|.*version|Git hash|Command|Versions)|<!--)")
TOLERANCE = 2e-3  # of numbers: other versions of numeric packages round otherwise


@pytest.fixture(scope="module")
def written(tmp_path_factory, speech, noise, other_speech) -> dict[str, list[str]]:
    """Lines by file: six estimates, good, late, of the interferer, silent, missing, short; then the mixtures."""
    import soundfile

    root = tmp_path_factory.mktemp("golden")
    mixture = speech + other_speech
    estimates = {
        "good": speech + 0.1 * other_speech,
        "late": np.roll(mixture, 160),
        "other": other_speech,
        "silent": np.zeros(80000),
        "stump": speech[:16000],
    }
    keys = ("good", "late", "missing", "other", "silent", "stump")
    signals = {"ref": speech, "mix": mixture, "intf": other_speech}
    columns = {name: dict.fromkeys(keys, samples) for name, samples in signals.items()} | {"inf": estimates}
    for name, column in columns.items():
        lines = []
        for key, samples in column.items():
            path = root / f"{name}_{key}.wav"
            soundfile.write(path, samples, 16000, subtype="FLOAT")
            lines.append(f"{key} {path}\n")
        (root / f"{name}.scp").write_text("".join(lines))
    said = {"good": "one two three", "late": "one too three four", "other": "nine", "stump": "one"}
    (root / "text").write_text("".join(f"{key} One, two three.\n" for key in keys))
    (root / "heard").write_text("".join(f"{key} {said.get(key, '')}\n" for key in keys))
    lists = [f"--{name}_scp={root / name}.scp" for name in ("ref", "mix", "intf")]
    words = [f"--text={root / 'text'}", f"--asr=external:{root / 'heard'}", f"--metrics={METRICS}"]
    common = [*lists, "--test_set=golden", "--missing=penalize", "--force"]
    system = [*words, f"--inf_scp={root / 'inf.scp'}", f"--output_dir={root / 'a/scoring'}", "--system=A"]
    mixtures = [*words, f"--inf_scp={root / 'mix.scp'}", f"--output_dir={root / 'm/scoring'}"]
    assert score.main([*common, *system]) == score.main([*common, *mixtures, "--system=mixture"]) == 0
    names = {"output": "RESULTS.md", "latex": "tables.tex", "csv": "results.csv"}
    outputs = [f"--{option}={root / name}" for option, name in names.items()]
    assert report.main(["--results", str(root / "a/scoring"), str(root / "m/scoring"), *outputs]) == 0

    content = {name: (root / name).read_text(encoding="utf-8").splitlines() for name in names.values()}
    for path in sorted((root / "a/scoring").iterdir()):
        if path.is_file() and path.name not in ("lock", "result.json"):
            content[path.name] = path.read_text(encoding="utf-8").splitlines()
    result = json.loads((root / "a/scoring/result.json").read_text(encoding="utf-8"))
    shown = {name: result[name] for name in ("coverage", "warnings", "metrics", "wer", "buckets")}
    content["result.json"] = json.dumps(shown, indent=1, ensure_ascii=False).splitlines()
    signature = result["meta"]["signature"]
    lines = {name: [line.replace(str(root), "ROOT") for line in text] for name, text in content.items()}
    lines["results.csv"] = [re.sub(rf"{signature}[^,]*", "SIGNATURE", line) for line in lines["results.csv"]]
    return {name: [line for line in text if not DAILY.match(line)] for name, text in lines.items()}


def test_files_are_the_golden_ones(written):
    if os.environ.get("TSE_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        for path in GOLDEN.iterdir():
            path.unlink()
        for name, lines in written.items():
            (GOLDEN / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    golden = {p.name: p.read_text(encoding="utf-8").splitlines() for p in GOLDEN.iterdir()}
    assert set(written) == set(golden)
    number = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
    for name, lines in golden.items():
        assert len(written[name]) == len(lines), name
        for found, expected in zip(written[name], lines):
            assert number.sub("#", found) == number.sub("#", expected), name
            values = [[float(value) for value in number.findall(line)] for line in (found, expected)]
            assert values[0] == pytest.approx(values[1], abs=TOLERANCE, rel=TOLERANCE), f"{name}: {found}"
