import json

import pytest

from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.listening_cards import collect_cards
from espnet_tse.report.page_data import flags_of, group_data, page_json


def data_of(exp_dir) -> dict:
    tables = build_groups(collect_results(exp_dir))[0]
    return group_data(tables, {})


def change_rows(exp_dir, change, folder="tse_a/decode_test"):
    """Apply ``change(number, row)`` to each line of a scores.jsonl."""
    path = exp_dir / folder / "scoring" / "scores.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        change(number, row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def column(data: dict, system: str, name: str) -> list:
    place = [each["name"] for each in data["columns"]].index(name)
    return next(each for each in data["systems"] if each["name"] == system)["values"][place]


def test_values_stand_by_system_column_and_utterance(exp_dir):
    data = data_of(exp_dir)
    assert data["utts"] == [f"utt{number}" for number in range(1, 11)]
    assert [(each["name"], each["reference"]) for each in data["systems"]] == [
        ("mixture", True),
        ("codec resynthesis", True),
        ("system2", False),
        ("system10", False),
    ]
    assert column(data, "system2", "si_sdr")[:2] == [8.0, 8.01]
    assert column(data, "mixture", "conf_rate") == [None] * 10  # it has none


def test_shares_are_per_cent_as_their_heads_say(exp_dir):
    data = data_of(exp_dir)
    assert column(data, "system2", "conf_rate")[0] == pytest.approx(20.0)
    assert next(each["head"] for each in data["columns"] if each["name"] == "conf_rate") == "conf% (voice)"


def test_input_sir_is_what_was_recorded_or_what_the_improvement_says(exp_dir):
    change_rows(exp_dir, lambda number, row: row.update(si_sdr_i=6.0))
    change_rows(exp_dir, lambda number, row: row.update(input_sir_db=-3.0), "tse_b/decode_test")
    data = data_of(exp_dir)
    assert column(data, "system2", "input_sir_db")[0] == pytest.approx(2.0)
    assert column(data, "system10", "input_sir_db")[0] == -3.0
    assert column(data, "mixture", "input_sir_db")[0] is None


def test_wrong_speakers_and_flags_are_listed_by_place(exp_dir):
    change_rows(exp_dir, lambda number, row: row.update(conf_rate=float(number == 4)))
    change_rows(exp_dir, lambda number, row: row.update(flags=["clipped"] if number == 2 else []))
    system = data_of(exp_dir)["systems"][2]
    assert system["wrong"] == [4]
    assert system["flags"] == {2: "clipped"}
    assert data_of(exp_dir)["systems"][0]["wrong"] is None  # the mixture has no such metric: not measured


def test_only_a_row_of_another_name_is_flagged_as_the_mixtures():
    row = {"flags": ["equals_mixture", "offset"]}
    assert flags_of(row, "mixture") == "offset" and flags_of(row, "A") == "equals_mixture, offset"


def test_failures_are_no_wrong_speakers(exp_dir):
    change_rows(exp_dir, lambda number, row: row.update(conf_rate=float(number >= 8)))
    failed = exp_dir / "tse_a" / "decode_test" / "scoring" / "failed"
    failed.write_text("utt10 conf_rate est estimate: silent\n")
    system = data_of(exp_dir)["systems"][2]
    assert (system["wrong"], system["failed"]) == ([8], [9])


def test_utterances_that_a_system_lacks_are_marked(exp_dir):
    path = exp_dir / "tse_a" / "decode_test" / "scoring" / "scores.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:4]))
    data = data_of(exp_dir)
    assert data["systems"][2]["present"] == [1] * 4 + [0] * 6
    assert column(data, "system2", "si_sdr")[4:] == [None] * 6


def test_buckets_hold_labels_and_means_with_intervals(exp_dir):
    change_rows(
        exp_dir, lambda number, row: row.update(buckets={"input_sir": "low" if number < 5 else "high"})
    )
    for folder in ("tse_a", "tse_b"):
        path = exp_dir / folder / "decode_test" / "scoring" / "result.json"
        content = json.loads(path.read_text())
        content["buckets"] = {
            "input_sir": [
                {"label": "low", "n": 5, "metrics": {"si_sdr": {"mean": 4.0, "ci95": [3.0, 5.5], "n": 5}}},
                {"label": "high", "n": 5, "metrics": {"conf_rate": {"mean": 0.25, "ci95": None, "n": 5}}},
            ]
        }
        path.write_text(json.dumps(content))
    data = data_of(exp_dir)
    # system2's rows carry labels, the mixture's, which come first, do not.
    low, high = data["buckets"]["input_sir"]
    assert (low["label"], low["n"], low["systems"]["system2"]) == ("low", 5, {"si_sdr": [4.0, 3.0, 5.5]})
    assert high["systems"]["system10"] == {"conf_rate": [25.0, None, None]}
    assert data["labels"]["input_sir"] == ["low"] * 5 + ["high"] * 5


def test_signals_of_a_card_know_their_system_and_their_time(exp_dir):
    groups = build_groups(collect_results(exp_dir))
    cards = collect_cards(groups, 1, 40.0, ("utt3",)).cards[0]
    card = group_data(groups[0], cards)["cards"][2]
    signals = {signal["label"]: signal for signal in card["signals"]}
    assert card["utt"] == "utt3"
    assert signals["mixture"]["system"] == 0
    assert signals["target"]["system"] is None
    assert signals["system10"]["system"] == 3
    assert [label for label, signal in signals.items() if signal["ownTime"]] == ["enrollment"]
    assert signals["system2"]["seconds"] == pytest.approx(0.4)


def test_json_cannot_end_its_element(exp_dir):
    change_rows(exp_dir, lambda number, row: row.update(flags=["</script><!--"]))
    groups = build_groups(collect_results(exp_dir))
    text = page_json(groups, [{}])
    assert "<" not in text
    assert "</script><!--" in json.dumps(json.loads(text))
