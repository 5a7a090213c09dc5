"""LibriSpeech's layout, and a source directory of it."""

import shutil

import pytest
from librimix_stand_in import write_librispeech
from system_files import leave_system_files

from espnet_tse.bin import prepare_librispeech
from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.librispeech import PUBLISHED_COUNTS, find_utterances, librispeech_root
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.io.scp import DataError, read_scp

SIZES = {"train-clean-100": (2, 2), "train-other-500": (2, 2)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    write_librispeech(root / "LibriSpeech", SIZES, (0.5, 0.6))
    leave_system_files(root)
    (root / "mixing.yaml").write_text(
        "num_speakers: {2: 1.0}\nsir_db: [0, 5]\nsnr_kind: peak\nenrollment_s: 0.3\n"
    )
    return root


def prepare(corpus, out, *words):
    options = ["--librispeech", corpus, "--mixing", corpus / "mixing.yaml", "--output_dir", out]
    options += ["--published_counts", "false"]
    return prepare_librispeech.main([*map(str, options), *words])


def test_utterances_are_found_in_order(corpus):
    root = librispeech_root(corpus)
    assert root == corpus / "LibriSpeech" == librispeech_root(root)
    found = find_utterances(root, "train-clean-100", published=False)
    assert [u.key for u in found] == ["119-1000-0000", "119-1001-0000", "120-1000-0000", "120-1001-0000"]
    assert (found[1].speaker, found[1].chapter) == ("119", "119-1001")


def test_a_wrong_layout_is_told(corpus, tmp_path):
    with pytest.raises(
        DataError, match="train-clean-360: no <speaker>/<chapter>/.*LIBRISPEECH names the folder"
    ):
        find_utterances(corpus / "LibriSpeech", "train-clean-360")
    shutil.copytree(corpus / "LibriSpeech/train-clean-100/119/1000", tmp_path / "train-clean-100/119/1009")
    with pytest.raises(DataError, match="is not named <speaker>-<chapter>-<number>.flac"):
        find_utterances(tmp_path, "train-clean-100")


def test_subsets_become_a_source_directory(corpus, tmp_path, capsys):
    out = tmp_path / "train"
    assert prepare(corpus, out, "--subsets", *SIZES) == 0
    assert len(read_scp(out / "wav.scp")) == 8 and set(read_scp(out / "spk2utt")) == {
        "119",
        "120",
        "319",
        "320",
    }
    assert read_scp(out / "text")["119-1000-0000"] == "some words of 119"
    dataset = DynamicMixingDataset(out, read_mixing_conf(out / "mixing.yaml"), crop_s=0.4)
    assert dataset.example(0, 0)["mixture"].shape == (6400,)
    assert prepare(corpus, out, "--subsets", "train-clean-360") == 1
    assert "train-clean-360: no <speaker>" in capsys.readouterr().err and len(read_scp(out / "wav.scp")) == 8


def test_half_a_subset_is_not_the_published_one(corpus, tmp_path, capsys, monkeypatch):
    out = tmp_path / "train"
    words = ["--subsets", "train-clean-100", "--published_counts", "true"]
    assert prepare(corpus, out, *words) == 1
    assert "train-clean-100: holds 4 utterances, the published subset 28539" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setitem(PUBLISHED_COUNTS, "train-clean-100", 4)
    assert prepare(corpus, out, *words) == 0


def test_faults_of_the_mixing_come_first(corpus, tmp_path, capsys):
    (tmp_path / "mixing.yaml").write_text("sir: [0, 5]\n")
    words = ["--librispeech", str(tmp_path), "--mixing", str(tmp_path / "mixing.yaml"), "--subsets", "x"]
    assert prepare_librispeech.main([*words, "--output_dir", str(tmp_path / "out")]) == 1
    assert "unknown 'sir'" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [".", "LibriSpeech", "LibriSpeech/train-clean-100"])
def test_the_corpus_is_not_replaced(corpus, tmp_path, capsys, place):
    own = shutil.copytree(corpus, tmp_path / "own")
    assert prepare(own, own / place, "--subsets", *SIZES) == 1
    assert "is, or holds, what is read" in capsys.readouterr().err
    assert sorted(p.relative_to(own) for p in own.rglob("*")) == sorted(
        p.relative_to(corpus) for p in corpus.rglob("*")
    )
