import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.external_scores import read_all_external, read_external
from espnet_tse.scoring.run.job import Utterance


@pytest.fixture
def write(tmp_path):
    def write(text, name="scores", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    return write


def test_kaldi_lines(write):
    scores = read_external("mos=" + str(write("a 3.5\nb 2\n")) + ",up")
    assert scores.values == {"a": 3.5, "b": 2.0} and scores.card.direction == "up"
    assert scores.outcome("a", None).value == 3.5


def test_json_lines_of_versa_and_of_this_scorer(write):
    path = write(
        '{"key": "a", "squim": 3.5, "pesq": 2.0}\n{"utt": "b", "squim": NaN}\n{"key": "c", "squim": null}\n'
    )
    assert read_external(f"squim={path}").values == {"a": 3.5}
    assert read_external(f"versa_pesq={path}:pesq,up").values == {"a": 2.0}


def test_dicts_as_python_prints_them(write):
    path = write("{'key': 'a', 'mos': 3.5}\n{'key': 'b', 'mos': None}\n")
    assert read_external(f"mos={path}").values == {"a": 3.5}


def test_lines_of_versa_under_numpy_2(write):
    path = write(
        "{'key': 'a', 'mos': np.float64(3.5), 'sdr': inf, 'text': 'np.float64(1)', 'wer': [np.int64(1)]}\n"
        "{'key': 'b', 'mos': nan, 'sdr': -2.5}\n"
        "{'key': 'c', 'mos': np.float32(-1e-05), 'sdr': -inf}\n"
        '{"key": "d", "mos": 2, "sdr": 7.5}\n'
    )
    assert read_external(f"mos={path},up").values == {"a": 3.5, "c": -1e-05, "d": 2.0}
    assert read_external(f"theirs={path}:sdr,up").values == {"a": 7.5, "b": -2.5, "c": -2.5, "d": 7.5}
    assert read_external("mos=" + str(write("a np.float64(3.5)\nb inf\nc nan\n"))).values == {
        "a": 3.5,
        "b": 3.5,
    }


@pytest.mark.parametrize(
    "line",
    [
        "{'key': __import__('os').getcwd(), 'mos': 1}",
        "{'key': 'a', 'mos': open('x')}",
        "{'key': 'a', 'mos': np.load('x')}",
        "{'key': 'a', 'mos': np.float64(open('x'))}",
        "{'key': 'a', **{'mos': 1}}",
        "{'key': 'a', 'mos': (" * 500,
    ],
)
def test_nothing_in_a_line_is_executed(write, line):
    with pytest.raises(DataError, match="scores:1: not JSON"):
        read_external(f"mos={write(line)}")


def test_a_byte_order_mark_is_no_part_of_the_file(write):
    assert read_external("mos=" + str(write('\ufeff{"key": "a", "mos": 3.5}\n'))).values == {"a": 3.5}


def test_keys_may_be_paths(write):
    scores = read_external(
        f"mos={write('out/a.wav 3.5' + chr(10) + 's1/b.wav 1' + chr(10) + 's2/b.wav 2')},up"
    )
    assert scores.outcome("a", None).value == 3.5
    assert scores.outcome("b", None).penalised  # of two files of that name none is taken
    assert scores.outcome("s2/b.wav", None).value == 2


@pytest.mark.parametrize("direction, worst", [("up", 2.0), ("down", 3.5)])
def test_missing_values_and_failed_estimates_get_the_worst_of_the_file(write, direction, worst):
    path = write("a 3.5\nb 2\n")
    scores = read_external(f"mos={path},{direction}")
    for key, fault in (("c", None), ("a", "silent")):
        outcome = scores.outcome(key, fault)
        assert outcome.value == worst and outcome.penalised


def test_without_a_direction_a_missing_value_is_excluded(write):
    assert read_external(f"rate={write('a 1')}").outcome("b", None).excluded


@pytest.mark.parametrize(
    "option, message",
    [
        ("mos", "use NAME=PATH"),
        ("my mos=x", "NAME is a word"),
        ("pesq=x", "'pesq' is a name of this scorer's own"),
        ("wer_mine=x", "'wer_mine' is a name of this scorer's own"),
        ("failed=x", "'failed' is a name of this scorer's own"),
        ("lag_samples=x", "'lag_samples' is a name of this scorer's own"),
        ("mos=/nowhere", "no such file"),
        ("mos={windows}", "windows: not UTF-8"),
        ("mos={path}", "key 'a' has 'high', no number"),
        ("mos={json}", "json: has no field 'mos'; it has utmos, pesq"),
        ("mos={json}:utmos,upp", "'upp' after the comma is neither up nor down"),
        ("mos={text}", "'mos' is no finite number in any line"),
        ("mos={torn}", "torn:1: not JSON"),
        ("mos={nokey}", "has none of the fields key, utt"),
        ("mos={twice}", "duplicate key 'a'"),
    ],
)
def test_errors(write, option, message):
    paths = {
        "path": write("a high\n", "path"),
        "windows": write("a 1\n", "windows", "utf-16"),
        "json": write('{"key": "a", "utmos": 1}\n{"key": "b", "pesq": 1}\n', "json"),
        "text": write('{"key": "a", "mos": "high"}\n', "text"),
        "torn": write('{"key": "a"\n', "torn"),
        "nokey": write('{"name": "a"}\n', "nokey"),
        "twice": write('{"key": "a", "mos": 1}\n{"key": "a", "mos": 1}\n', "twice"),
    }
    with pytest.raises(DataError, match=message):
        read_external(option.format(**paths))


def test_columns_have_names_of_their_own_and_concern_the_utterances(write):
    path = write("a 3.5\n")
    with pytest.raises(DataError, match="--external: duplicate column"):
        read_all_external((f"mos={path}", f"mos={path}"), [Utterance("a", None)])
    with pytest.raises(DataError, match="for none of the 1 utterances; its keys are a, those to score b"):
        read_all_external((f"mos={path}",), [Utterance("b", None)])
    assert list(read_all_external((f"mos={path}",), [Utterance("a", None)])) == ["mos"]
