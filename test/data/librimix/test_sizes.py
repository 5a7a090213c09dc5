"""What a dry run tells of a set whose noises are still to be made at other speeds."""

import re

import pytest

from espnet_tse.bin import generate_librimix
from espnet_tse.data.librimix.metadata import read_metadata
from espnet_tse.data.librimix.sizes import HEADER, estimate_noises


@pytest.fixture
def metadata(stand_in, tmp_path):
    """The stand-in's test list, with noises at 0.8 times their speed."""
    text = (stand_in.metadata / "libri2mix_test-clean.csv").read_text(encoding="utf-8")
    folder = tmp_path / "metadata"
    folder.mkdir()
    (folder / "libri2mix_test-clean.csv").write_text(
        re.sub(r"(tt/\S+?)\.wav", r"\1sp08.wav", text), encoding="utf-8"
    )
    return folder


def dry_run(stand_in, metadata, folder, *words):
    return generate_librimix.main(
        [
            *("--librimix", str(folder), "--metadata", str(metadata), "--published_metadata", "false"),
            *("--librispeech", str(stand_in.root / "LibriSpeech"), "--sets", "test", "--dry_run", *words),
        ]
    )


def test_noises_at_other_speeds_take_room(stand_in, metadata, tmp_path):
    specs = read_metadata(metadata, 2, "test", published=False)
    wham = stand_in.corpora.wham_noise
    # Sources of 2.5 s: 40,000 samples of two bytes, drawn out.
    assert estimate_noises(specs, wham) == (4, 4 * (HEADER + 2 * 50000))
    assert estimate_noises(specs[:1] * 3, wham)[0] == 1
    assert estimate_noises(stand_in.specs("test"), wham) == (0, 0)
    assert estimate_noises(specs, tmp_path) == (4, 0)


def test_a_dry_run_tells_the_noises_and_that_sox_is_missing(
    stand_in, metadata, tmp_path, monkeypatch, capsys
):
    wham, folder = stand_in.corpora.wham_noise, tmp_path / "Libri2Mix"
    monkeypatch.setenv("PATH", "")
    words = ("--kinds", "both", "--wham_noise", str(wham))
    assert dry_run(stand_in, metadata, folder, *words) == 0
    told = capsys.readouterr()
    assert f"4 noises at other speeds, 0.00 GiB in {wham}" in told.out
    assert "warning: " in told.err and "install the program sox" in told.err
    assert dry_run(stand_in, metadata, folder) == 0  # kind clean has none
    told = capsys.readouterr()
    assert "noises" not in told.out and not told.err
    assert not folder.exists()


def test_a_dry_run_tells_that_the_noise_is_missing(stand_in, metadata, tmp_path, capsys):
    for words, message in (
        ([], "take WHAM!'s; name its folder by --wham_noise"),
        (["--wham_noise", str(tmp_path)], "lacks 4 noises that the metadata names, first 'tt/test/n0sp08"),
    ):
        assert dry_run(stand_in, metadata, tmp_path / "L", "--kinds", "both", *words) == 0
        assert message in capsys.readouterr().err


def test_noises_count_where_they_share_the_disk(stand_in, metadata, tmp_path, monkeypatch, capsys):
    wham = stand_in.corpora.wham_noise
    words = ("--kinds", "both", "--wham_noise", str(wham))
    monkeypatch.setattr(generate_librimix, "GIB", 1)
    totals = []
    for shared in (True, False):
        monkeypatch.setattr("espnet_tse.data.librimix.sizes.on_one_disk", lambda *folders: shared)
        assert dry_run(stand_in, metadata, tmp_path / "L", *words) == 0
        out = capsys.readouterr().out
        totals.append(float(out.split(" GiB would be written")[0].split()[-1]))
        assert f"4 noises at other speeds, {4 * 100044}.00 GiB" in out
    assert totals[0] - totals[1] == 4 * 100044
