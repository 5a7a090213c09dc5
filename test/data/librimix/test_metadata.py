"""Reading LibriMix's metadata, and what is told where it is not LibriMix's."""

import csv

import pytest
from librimix_stand_in import write_rows

from espnet_tse.data.librimix.metadata import PUBLISHED_COUNTS, read_metadata
from espnet_tse.io.scp import DataError

ROW = {
    "mixture_ID": "61-1-0000_121-2-0001",
    "source_1_path": "test-clean/61/1/61-1-0000.flac",
    "source_1_gain": "0.7925878276419455",
    "source_2_path": "test-clean/121/2/121-2-0001.flac",
    "source_2_gain": "1.25",
    "noise_path": "tt/n.wav",
    "noise_gain": "1.5",
}


def write(folder, *rows):
    write_rows(folder / "libri2mix_test-clean.csv", rows)


def test_rows_become_mixtures(tmp_path):
    write(tmp_path, ROW)
    (spec,) = read_metadata(tmp_path, 2, "test", published=False)
    assert spec.utterances == ("61-1-0000", "121-2-0001") and spec.speakers == ("61", "121")
    assert spec.sources[0].gain == 0.7925878276419455 and spec.noise.path == "tt/n.wav"


def test_any_number_of_speakers(tmp_path):
    row = ROW | {
        "mixture_ID": "61-1-0000_121-2-0001_7-3-0002",
        "source_3_path": "dev-clean/7/3/7-3-0002.flac",
        "source_3_gain": "1",
    }
    row = {name: value.replace("test-clean", "dev-clean") for name, value in row.items()}
    write_rows(tmp_path / "libri3mix_dev-clean.csv", [row])
    (spec,) = read_metadata(tmp_path, 3, "dev", published=False)
    assert spec.speakers == ("61", "121", "7")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"mixture_ID": "61-1-0000"}, "mixture_ID '61-1-0000' is not '61-1-0000_121-2-0001'"),
        ({"source_1_gain": "loud"}, r"csv:3: source_1_gain 'loud' is no gain"),
        ({"source_2_gain": "-1"}, "source_2_gain '-1' is no gain"),
        ({"noise_gain": ""}, "noise_gain '' is no gain"),
        ({"noise_path": "/etc/n.wav"}, "noise_path '/etc/n.wav' leaves its folder"),
        ({"noise_path": "tt/../../n.wav"}, "leaves its folder"),
        ({"source_1_path": "dev-clean/61/1/61-1-0000.flac"}, "is not of test-clean"),
        (
            {"source_2_path": "test-clean/61/2/61-2-0001.flac", "mixture_ID": "61-1-0000_61-2-0001"},
            "are of one speaker",
        ),
    ],
)
def test_a_changed_row_is_named(tmp_path, changes, message):
    first = ROW | {"mixture_ID": "61-1-0003_121-2-0001", "source_1_path": "test-clean/61/1/61-1-0003.flac"}
    write(tmp_path, first, ROW | changes)
    with pytest.raises(DataError, match=message):
        read_metadata(tmp_path, 2, "test", published=False)


def test_a_row_that_was_cut_is_named(tmp_path):
    path = tmp_path / "libri2mix_test-clean.csv"
    path.write_text(",".join(ROW) + f"\n{','.join(list(ROW.values())[:3])}\n", encoding="utf-8")
    with pytest.raises(DataError, match="csv:2: source_2_gain 'None' is no gain"):
        read_metadata(tmp_path, 2, "test", published=False)


def test_missing_files_columns_and_rows_are_told(tmp_path):
    with pytest.raises(DataError, match="libri2mix_test-clean.csv: no such file; .*JorisCos/LibriMix"):
        read_metadata(tmp_path, 2, "test")
    write(tmp_path, {name: value for name, value in ROW.items() if name != "source_2_gain"})
    with pytest.raises(DataError, match=r"lacks the column\(s\) source_2_gain"):
        read_metadata(tmp_path, 2, "test")
    write(tmp_path, {name: value for name, value in ROW.items() if name != "noise_gain"})
    with pytest.raises(DataError, match=r"lacks the column\(s\) noise_gain"):
        read_metadata(tmp_path, 2, "test")
    write(tmp_path, ROW, ROW)
    with pytest.raises(DataError, match=f"mixture '{ROW['mixture_ID']}' stands there twice"):
        read_metadata(tmp_path, 2, "test", published=False)
    write(tmp_path, ROW)
    with pytest.raises(DataError, match="has 1 mixtures, the published set 3000"):
        read_metadata(tmp_path, 2, "test")


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty; fetch it again from github.com/JorisCos/LibriMix, folder metadata/Libri2Mix"),
        (b"\n\n", "is empty; fetch it again"),
        (",".join(ROW).encode() + b"\n", "holds no mixture, only the names of its columns; fetch it again"),
        (b"\x1f\x8b\xff", "not UTF-8 .*; unpack it"),
    ],
)
def test_a_file_that_holds_nothing_is_fetched_again(tmp_path, content, message, published):
    (tmp_path / "libri2mix_test-clean.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"libri2mix_test-clean.csv: {message}"):
        read_metadata(tmp_path, 2, "test", published)


def test_published_sizes():
    assert sum(PUBLISHED_COUNTS[2].values()) == 70700 and sum(PUBLISHED_COUNTS[3].values()) == 49200


def test_the_stand_in_is_valid_csv(stand_in):
    with (stand_in.metadata / "libri2mix_dev-clean.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(stand_in.specs("dev"))
