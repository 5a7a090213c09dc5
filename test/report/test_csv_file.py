import csv

from espnet_tse.report.collect import collect_results
from espnet_tse.report.csv_file import write_csv
from espnet_tse.report.group_tables import build_groups


def test_every_figure_is_one_line_in_its_own_unit(exp_dir, tmp_path, write_result):
    entry = {"corpus": 0.5, "ci95": [0.4, 0.6], "n": 9, "n_excluded": 1, "hallucination_rate": 0.25}
    wer = {"dwer_whisper": entry, "wer_whisper_base.en": entry}
    scores = {"si_sdr": 1.0, "si_sdr_al": 2.0}
    write_result(exp_dir / "tse_c" / "decode", "system3", scores=scores, wer=wer)
    write_csv(tmp_path / "results.csv", build_groups(collect_results(exp_dir)))
    with open(tmp_path / "results.csv", newline="") as file:
        lines = {(line["system"], line["metric"]): line for line in csv.DictReader(file)}
    assert len(lines) == 3 + 3 * 4 + 3 + 8  # the last: shares of odd lengths, and of hallucinations
    assert lines["system3", "dwer_whisper.hallucination_rate"]["mean"] == "0.25"
    assert lines["system3", "dwer_whisper.hallucination_rate"]["ci95_low"] == ""  # that is of the rate
    assert lines["mixture", "len_ratio.share_outside"]["mean"] == "0.0"
    voice = lines["system2", "conf_rate"]
    assert abs(float(voice["mean"]) - 0.2) < 1e-9
    assert (voice["kind"], voice["test_set"], voice["preset"]) == ("system", "test", "offline")
    assert lines["mixture", "si_sdr"]["kind"] == "reference"
    assert lines["mixture", "si_sdr"]["unit"] == lines["system3", "si_sdr_al"]["unit"] == "dB"
    for metric in ("dwer_whisper", "wer_whisper_base.en"):
        words = lines["system3", metric]
        assert (words["mean"], words["ci95_low"], words["ci95_high"], words["n"]) == (
            "0.5",
            "0.4",
            "0.6",
            "9",
        )
