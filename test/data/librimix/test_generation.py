"""Audio of LibriMix on disk: resumed by file, checked, never half-written."""

import dataclasses
import shutil

import numpy as np
import pytest
import soundfile
from librimix_stand_in import write_corpora

from espnet_tse.bin import generate_librimix
from espnet_tse.data.librimix import generation
from espnet_tse.data.librimix.generation import (
    Corpora,
    check_set,
    check_sum,
    claim,
    generate,
    is_complete,
    make_mixture,
)
from espnet_tse.data.librimix.layout import LibriMixSet
from espnet_tse.data.librimix.metadata import read_metadata
from espnet_tse.data.librimix.sizes import HEADER, estimate
from espnet_tse.io.scp import DataError


def everything(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def target(stand_in, tmp_path):
    """A set of its own, empty."""
    return LibriMixSet(tmp_path / "Libri2Mix", 2, "test", 16000, "min")


def test_only_what_is_missing_is_made(stand_in, target):
    specs = stand_in.specs("test")
    assert generate(target, specs, ("clean",), stand_in.corpora, (1, 2)) == 2
    assert not is_complete(target, specs, ("clean",))
    assert generate(target, specs, ("clean",), stand_in.corpora, (2, 2)) == 2
    assert is_complete(target, specs, ("clean",))
    before = everything(target.folder)
    lost = target.path("s2", specs[1].mixture_id)
    times = {path: path.stat().st_mtime_ns for path in before if path != lost}
    lost.unlink()
    assert generate(target, specs, ("clean",), stand_in.corpora) == 1
    assert everything(target.folder) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_other_kinds_are_added(stand_in, target):
    specs = stand_in.specs("test")
    generate(target, specs, ("clean",), stand_in.corpora)
    before = everything(target.folder)
    assert generate(target, specs, ("both", "single"), stand_in.corpora) == 4
    after = everything(target.folder)
    assert before.items() <= after.items() and len(after) == 6 * 4
    assert check_set(target, specs, ("clean", "both", "single"), stand_in.corpora.librispeech) > 0


def test_sums_are_exact_to_16_bit(stand_in, target):
    spec = stand_in.specs("test")[0]
    make_mixture(target, spec, ("both",), stand_in.corpora)
    path = target.path("mix_both", spec.mixture_id)
    parts = [soundfile.read(target.path(s, spec.mixture_id), dtype="int16")[0] for s in ("s1", "s2", "noise")]
    mixture = soundfile.read(path, dtype="int16")[0]
    residual = mixture.astype(int) - sum(part.astype(int) for part in parts)
    assert set(residual) <= {0, 1, 2}  # each of four files was rounded down by less than a step
    mixture[100] += 5
    soundfile.write(path, mixture, 16000)
    with pytest.raises(DataError, match="is not the sum of s1, s2, noise: it differs by up to [4-7] steps"):
        check_sum(target, spec.mixture_id, "both")


def test_a_file_of_another_length_is_not_written_over(stand_in, target):
    specs = stand_in.specs("test")
    path = target.path("s1", specs[2].mixture_id)
    path.parent.mkdir(parents=True)
    soundfile.write(path, np.zeros(100), 16000)
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"{path.name}: 100 samples at 16000 Hz, 1 channel.* cut short"):
        generate(target, specs, ("clean",), stand_in.corpora)
    assert path.read_bytes() == before
    with pytest.raises(DataError, match="files of 4 mixtures are missing, first"):
        check_set(target, specs, ("clean",), stand_in.corpora.librispeech)


def test_nothing_is_half_written(stand_in, target, monkeypatch):
    def full_disk(path, signal, rate, **kwargs):
        path.write_bytes(b"RIFF")
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(soundfile, "write", full_disk)
        with pytest.raises(OSError, match="No space left"):
            generate(target, stand_in.specs("test"), ("clean",), stand_in.corpora)
    assert not [path for path in target.folder.rglob("*") if path.is_file()]


def test_gains_of_other_recordings_are_refused(stand_in, target):
    spec = stand_in.specs("test")[0]
    loud = tuple(dataclasses.replace(source, gain=9.0) for source in spec.sources)
    with pytest.raises(
        DataError, match="would clip, its peak is .*: the gains of the metadata are not of these"
    ):
        make_mixture(target, dataclasses.replace(spec, sources=loud), ("clean",), stand_in.corpora)
    assert not target.folder.exists()


def test_half_a_corpus_is_told_by_file(stand_in, target, tmp_path):
    corpus = tmp_path / "LibriSpeech"
    shutil.copytree(stand_in.root / "LibriSpeech/test-clean", corpus / "test-clean")
    lost = corpus / stand_in.specs("test")[1].sources[1].path
    lost.unlink()
    with pytest.raises(DataError, match=f"{stand_in.specs('test')[1].mixture_id}: .*{lost.name}"):
        generate(target, stand_in.specs("test"), ("clean",), Corpora(corpus))


def test_changed_metadata_are_refused(stand_in, target):
    claim(target, "a" * 64)
    claim(target, "a" * 64)
    with pytest.raises(DataError, match="was made from other metadata"):
        claim(target, "b" * 64)
    (target.folder / generation.ORIGIN).write_text("{")
    with pytest.raises(DataError, match="metadata.json: cannot be read"):
        claim(target, "a" * 64)


def test_three_speakers(tmp_path):
    rows = write_corpora(tmp_path, {"dev": 2}, num_speakers=3)["dev"]
    specs = read_metadata(tmp_path / "metadata/Libri3Mix", 3, "dev", published=False)
    target = LibriMixSet(tmp_path / "Libri3Mix", 3, "dev", 8000, "max")
    corpora = Corpora(tmp_path / "LibriSpeech", tmp_path / "wham_noise")
    assert generate(target, specs, ("both",), corpora) == len(rows)
    assert target.signals(("both",)) == ["s1", "s2", "s3", "noise", "mix_both"]
    assert check_set(target, specs, ("both",), corpora.librispeech) > 0


def test_estimated_bytes_are_those_that_are_written(stand_in, target):
    specs = stand_in.specs("test")
    told = estimate(target, specs, ("both",), stand_in.corpora.librispeech)
    generate(target, specs, ("both",), stand_in.corpora)
    written = sum(len(content) for content in everything(target.folder).values())
    assert told.sampled and told.num_missing == 4
    assert abs(told.num_bytes - written) <= len(everything(target.folder))  # the mean is rounded
    assert written > 20 * HEADER
    again = estimate(target, specs, ("both",), None)
    assert (again.num_missing, again.num_bytes, again.sampled) == (0, 0, False)


def command(stand_in, folder, *words):
    return generate_librimix.main(
        [
            *(
                "--librimix",
                str(folder),
                "--metadata",
                str(stand_in.metadata),
                "--published_metadata",
                "false",
            ),
            *("--librispeech", str(stand_in.root / "LibriSpeech"), "--sets", "test", *words),
        ]
    )


def test_the_command_makes_checks_and_resumes(stand_in, tmp_path, capsys):
    folder = tmp_path / "Libri2Mix"
    assert command(stand_in, folder, "--dry_run") == 0
    assert "4 mixtures" in capsys.readouterr().out and not folder.exists()
    assert command(stand_in, folder, "--check") == 1
    assert "files of 4 mixtures are missing" in capsys.readouterr().err
    assert command(stand_in, folder, "--shard", "1/2") == 0
    left = folder / "wav16k/min/test/s1/.x.wav.77.tmp"
    left.touch()
    assert command(stand_in, folder, "--shard", "2/2") == 0
    assert command(stand_in, folder, "--check") == 0 and not left.exists()
    before = everything(folder)
    assert command(stand_in, folder) == 0
    assert everything(folder) == before


def test_the_command_tells_a_corpus_that_is_not_whole(stand_in, tmp_path, capsys):
    assert command(stand_in, tmp_path / "L", "--librispeech", str(tmp_path)) == 1
    message = capsys.readouterr().err
    assert "lacks 8 of 8 utterances that the metadata names, first 'test-clean/" in message
    assert "LIBRISPEECH names the folder that holds test-clean" in message
    assert not (tmp_path / "L").exists()


def test_the_command_wants_noise_where_a_kind_has_it(stand_in, tmp_path, capsys):
    assert command(stand_in, tmp_path / "L", "--kinds", "both") == 1
    assert "take WHAM!'s; name its folder by --wham_noise" in capsys.readouterr().err
    assert command(stand_in, tmp_path / "L", "--kinds", "both", "--wham_noise", str(tmp_path)) == 1
    assert "lacks 4 noises that the metadata names, first 'tt/test/n0.wav'" in capsys.readouterr().err
    for words, message in (
        (("--kinds", "noisy"), "unknown 'noisy'"),
        (("--sets", "eval"), "unknown 'eval'"),
        (("--shard", "3/2"), "want J/N"),
    ):
        with pytest.raises(SystemExit) as ended:
            command(stand_in, tmp_path / "L", *words)
        assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "L").exists()
