from dataclasses import replace
from types import SimpleNamespace

import pytest

from espnet_tse.scoring.measure.failure import Outcome
from espnet_tse.scoring.result.column_inputs import column_inputs, input_differences
from espnet_tse.scoring.run.external_scores import read_external
from espnet_tse.scoring.run.worker import Record

COLUMNS = ("si_sdr", "si_sdr_i", "spk_resemblyzer_enroll", "conf_si_sdr", "theirs")
AUDIO = {"mixture_sha1": "m", "enrollment_sha1": "e", "interferer_sha1s": ["i", "j"]}


@pytest.fixture
def inputs_of(tmp_path):
    """inputs_of(changes of the plan, changes of the record) -> ``column_inputs`` of one utterance."""
    (tmp_path / "scores").write_text("u 1\n")

    def inputs(record=None, direction="up", unit="word", **changes):
        outcomes = {name: Outcome(1.0) for name in COLUMNS}
        plan = {
            "options": SimpleNamespace(text_norm="basic", unit=unit),
            "scores": {"theirs": read_external(f"theirs={tmp_path / 'scores'},{direction}")},
            "asr": [SimpleNamespace(tag="external")],
            "text": {"u": "a b"},
            "interferer_text": {"u": "c"},
            "external": {"external": {"estimate": {"u": "a"}, "target": {"u": "a b"}}},
        }
        utterance = replace(Record("u", 1.0, 1.0, outcomes, [], **AUDIO), **record or {})
        return column_inputs(SimpleNamespace(**plan | changes), {"u": utterance})

    return inputs


@pytest.mark.parametrize(
    "changes, differences",
    [
        ({}, []),
        ({"record": {"mixture_sha1": "n"}}, ["other mixtures (si_sdr_i)"]),
        ({"record": {"enrollment_sha1": "n"}}, ["other enrollments (spk_resemblyzer_enroll)"]),
        ({"record": {"interferer_sha1s": ["i", "k"]}}, ["other interferers (conf_si_sdr)"]),
        ({"direction": "down"}, ["another direction of the other tool's scores (theirs)"]),
        ({"text": {"u": "A, b!", "v": "of no utterance"}}, []),  # the same words once normalised
        ({"text": {"u": "a c"}}, ["other reference texts (wer_external, leak_external)"]),
        ({"interferer_text": {"u": "d"}}, ["other texts of the interferers (leak_external)"]),
        (
            {"external": {"external": {"estimate": {}, "target": {"u": "b"}}}},
            ["other reference texts (dwer_external)"],
        ),
        ({"text": {}}, []),  # not scored there
    ],
)
def test_each_column_depends_on_what_it_is_computed_from(inputs_of, changes, differences):
    assert input_differences(inputs_of(), inputs_of(**changes)) == differences


def test_characters_and_words_leak_otherwise(inputs_of):
    found = input_differences(inputs_of(), inputs_of(unit="char"))
    assert found[-1] == "another unit of texts (leak_external)"


def test_columns_that_are_not_compared_do_not_count(inputs_of):
    one, other = inputs_of(), inputs_of({"mixture_sha1": "n", "enrollment_sha1": "n"})
    assert input_differences(one, other, ("si_sdr", "conf_si_sdr")) == []
    assert input_differences(one, other, ("si_sdr_i",)) == ["other mixtures (si_sdr_i)"]
    assert input_differences(one, {}) == input_differences({}, one) == []  # results of before
