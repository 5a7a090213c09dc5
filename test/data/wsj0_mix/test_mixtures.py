"""Mixtures of WSJ0 as their corpora's scripts write them: found whole, or refused with a reason."""

import pytest
import soundfile
from wsj0_mix_stand_in import MIXTURES, mixture_id, pairs_of

from espnet_tse.data.wsj0_mix.layout import Wsj0MixSet, mixture_root
from espnet_tse.data.wsj0_mix.mixtures import parse_name, read_mixtures
from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files


def set_of(root, corpus, name="tt", rooms=("", "")):
    return Wsj0MixSet(corpus, mixture_root(root / corpus), name, 8000, "min", *rooms)


def test_names_say_who_is_mixed(tmp_path):
    mixture = parse_name("050a050b_0.0050422_443c020a_-0.0050422", tmp_path)
    assert mixture.utterances == ("050a050b", "443c020a") and mixture.speakers == ("050", "443")
    assert parse_name("050a050b_1e-05_443c020a_-1e-05", tmp_path).utterances == mixture.utterances
    for name in ("050a050b_443c020a", "050a050b_1_050c020a_-1", "../050a050b_1_443c020a_-1"):
        with pytest.raises(DataError, match="is not named <utterance>_<level>_<utterance>_<level> after"):
            parse_name(name, tmp_path)


@pytest.mark.parametrize("corpus, kind", [("wsj0_2mix", "clean"), ("wham", "both"), ("wham", "single")])
def test_all_mixtures_of_the_list_are_found(wsj0_corpora, corpus, kind):
    for name in MIXTURES:
        target = set_of(wsj0_corpora, corpus, name)
        found = read_mixtures(target, kind, published=False, lists=wsj0_corpora / "lists")
        assert [mixture.mixture_id for mixture in found] == sorted(map(mixture_id, pairs_of(name)))


def test_rooms_of_mixture_and_target_have_folders_of_their_own(wsj0_corpora):
    target = set_of(wsj0_corpora, "whamr", rooms=("reverb", "anechoic"))
    assert target.signal_folder("mix_both").name == "mix_both_reverb" and not target.adds_up
    assert [target.signal_folder(name).name for name in ("s2", "noise")] == ["s2_anechoic", "noise"]
    assert len(read_mixtures(target, "both", published=False)) == MIXTURES["tt"]
    assert set_of(wsj0_corpora, "whamr", rooms=("reverb", "reverb")).adds_up


def test_half_a_corpus_is_refused(own_corpora):
    target = set_of(own_corpora, "wham")
    with pytest.raises(DataError, match="holds 4 mixtures, the published set 3000; run the corpus's script"):
        read_mixtures(target, "both")
    lost = next(visible_files(target.signal_folder("s2"), "*.wav"))
    lost.unlink()
    with pytest.raises(DataError, match=f"s2: lacks 1 of the 4 mixtures of .*mix_both, first {lost.name}"):
        read_mixtures(target, "both", published=False)
    (target.signal_folder("mix_both") / lost.name).unlink()
    with pytest.raises(
        DataError, match="mix_both: lacks 1 of the 4 mixtures of .*mix_2_spk_filenames_tt.csv"
    ):
        read_mixtures(target, "both", published=False, lists=own_corpora / "lists")
    with pytest.raises(DataError, match="wav8k/max/tt/mix_both: no such folder; WHAM!'s scripts write it"):
        read_mixtures(Wsj0MixSet("wham", own_corpora / "wham", "tt", 8000, "max"), "both", published=False)


def test_changed_lists_are_refused(own_corpora):
    target, path = set_of(own_corpora, "wsj0_2mix"), own_corpora / "lists/mix_2_spk_tt.txt"
    lines = path.read_text().splitlines()
    for changed, message in (
        (lines[:-1], "holds 1 mixtures that .*mix_2_spk_tt.txt has not, first"),
        ([lines[0].replace("1.2345", "1.3"), *lines[1:]], "lacks 1 of the 4 mixtures of .*mix_2_spk_tt.txt"),
        ([*lines, lines[0]], "a mixture stands there twice; fetch the file again"),
        (["wsj0/a.wav loud wsj0/b.wav", *lines], "mix_2_spk_tt.txt:1: wants '<file> <level> <file> <level>'"),
        ([], "holds no mixture; fetch the file again"),
    ):
        path.write_text("".join(f"{line}\n" for line in changed))
        with pytest.raises(DataError, match=message):
            read_mixtures(target, "clean", published=False, lists=path.parent)
    table = path.with_name("mix_2_spk_filenames_tt.csv")
    table.write_text("output_filename,s1_path,s2_path\n")
    with pytest.raises(DataError, match="mix_2_spk_filenames_tt.csv: holds no mixture; fetch the file again"):
        read_mixtures(set_of(own_corpora, "wham"), "clean", published=False, lists=path.parent)
    path.write_bytes(b"\x1f\x8b\xff")
    with pytest.raises(DataError, match="mix_2_spk_tt.txt: not UTF-8 .*; unpack it"):
        read_mixtures(target, "clean", published=False, lists=path.parent)
    path.unlink()
    with pytest.raises(DataError, match="mix_2_spk_tt.txt: no such file; MIXTURE_LISTS names"):
        read_mixtures(target, "clean", published=False, lists=path.parent)


def test_another_rate_and_other_lengths_are_refused(own_corpora):
    target = set_of(own_corpora, "wsj0_2mix")
    path = sorted(visible_files(target.signal_folder("s1"), "*.wav"))[1]
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples, 16000)
    with pytest.raises(DataError, match=f"{path.name}: 1 channel.* at 16000 Hz, wanted is mono at 8000 Hz"):
        read_mixtures(target, "clean", published=False)
    soundfile.write(path, samples[:-5], 8000)
    with pytest.raises(
        DataError, match=f"signals of '{path.stem}' have different lengths, mix_clean {len(samples)}"
    ):
        read_mixtures(target, "clean", published=False)
    path.write_bytes(b"RIFF")
    with pytest.raises(DataError, match=path.stem):
        read_mixtures(target, "clean", published=False)
