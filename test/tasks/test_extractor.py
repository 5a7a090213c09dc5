import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
import yaml
from safetensors.torch import load_file
from nano_extractors import nano_extractor
from tse_system import write_signal, write_system, write_wavlm

from espnet_tse import Extractor
from espnet_tse.bin import extract as extract_bin
from espnet_tse.bin import pack as pack_bin
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEDecode
from espnet_tse.tasks.checkpoint import load_model


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    return write_system(tmp_path_factory.mktemp("recipe"))


def noise(seconds, rate=16000, seed=0):
    return (np.random.default_rng(seed).standard_normal(int(seconds * rate)) * 0.1).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_arrays_in_arrays_out_at_their_own_rate(system, rate):
    estimate = Extractor.from_pretrained(system)(noise(0.7, rate), noise(0.5, rate, seed=1), rate)
    assert (
        estimate.shape == (int(0.7 * rate),) and estimate.dtype == np.float32 and np.isfinite(estimate).all()
    )


def rms(signal):
    return float(np.sqrt(np.square(signal, dtype=np.float64).mean()))


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_the_level_is_right_at_the_rate_of_the_mixture(system, rate, offset):
    """The system works at 16 kHz: what it puts above the mixture's band is not heard, and does not count."""
    mixture = noise(0.7, rate)
    heard = mixture + np.float32(offset)
    estimate = Extractor.from_pretrained(system)(heard, noise(0.5, rate, seed=1), rate)
    assert rms(estimate) == pytest.approx(rms(heard - heard.mean()), rel=1e-3)
    estimate = Extractor.from_pretrained(system, {"level": "mixture_peak"})(mixture, noise(0.5, rate), rate)
    assert np.abs(estimate).max() == pytest.approx(np.abs(mixture).max(), rel=1e-3)


@pytest.mark.parametrize("seconds", [0.7, 2.0])  # whole, and in chunks
def test_a_mixture_in_floats_beyond_full_scale_keeps_its_level(system, tmp_path, caplog, seconds):
    mixture = noise(seconds)
    mixture *= 3 / np.abs(mixture).max()
    soundfile.write(tmp_path / "mix.wav", mixture, 16000, subtype="FLOAT")
    write_signal(tmp_path / "enroll.wav", noise(0.5, seed=1))
    (tmp_path / "conf.yaml").write_text("level: mixture_peak\nmax_chunk_s: 1.0\noverlap_s: 0.1\n")
    words = [str(tmp_path / "mix.wav"), str(tmp_path / "enroll.wav"), "--model", str(system)]
    words += ["--inference_config", str(tmp_path / "conf.yaml")]
    for name, peak in (("out.wav", 3.0), ("out.flac", 1.0)):  # FLAC holds integers
        assert extract_bin.main([*words, "-o", str(tmp_path / name)]) == 0
        assert np.abs(soundfile.read(tmp_path / name)[0]).max() == pytest.approx(peak, rel=1e-3)
        assert (f"{name}: turned down by 9.54 dB" in caplog.text) == (peak == 1.0)


@pytest.mark.parametrize(
    "mixture, fault",
    [
        (np.zeros(0, np.float32), "the mixture is empty: 0 samples; at least 1"),
        (np.zeros((2, 100), np.float32), "one channel"),
        (
            np.zeros(10, np.float32),
            r"silence: all of its samples are zero \(10 samples at 16000 Hz, 0.000625 s\)",
        ),
        (np.full(100, np.nan, np.float32), "NaN"),
        (np.ones(100, np.int16), "int16"),
    ],
)
def test_unusable_signals_are_refused(system, mixture, fault):
    with pytest.raises(DataError, match=fault):
        Extractor.from_pretrained(system)(mixture, noise(0.5), 16000)


NO_SIGNALS = {
    "int16": (np.ones(1000, np.int16), "holds int16; want float samples"),
    "silent": (np.zeros(1000, np.float32), "is digital silence"),
    "empty": (np.zeros(0, np.float32), "is empty: 0 samples"),
    "stereo": (np.ones((1000, 2), np.float32), r"has shape \(1000, 2\); want one channel"),
    "nan": (np.full(1000, np.nan, np.float32), "holds NaN"),
    "overload": (np.linspace(-3e4, 3e4, 1000), "reaches 30000, while full scale is 1"),
}


@pytest.mark.parametrize("role", ["mixture", "enrollment"])
@pytest.mark.parametrize("kind", NO_SIGNALS)
def test_unusable_signals_of_a_batch_are_named_by_key(role, kind):
    signals = {"mixture": [noise(0.2), noise(0.2)], "enrollment": [noise(0.2), noise(0.2)]}
    signals[role][1], fault = NO_SIGNALS[kind]
    with pytest.raises(DataError, match=f"the {role} of 'bb' {fault}"):
        Extractor(Discriminative(nano_extractor("bsrnn"))).extract(*signals.values(), ["a", "bb"])


def test_a_batch_without_its_enrollments_is_refused():
    with pytest.raises(DataError, match="task tse wants an enrollment"):
        Extractor(Discriminative(nano_extractor("bsrnn"))).extract([noise(0.2)], None, ["a"])


@pytest.mark.parametrize(
    "embedding, fault",
    [
        (np.ones(4, np.int64), "int64"),
        (np.ones((1, 4), np.float32), r"shape \(1, 4\)"),
        (np.full(4, np.nan), "want"),
    ],
)
def test_embeddings_that_are_none_are_named_by_key(embedding, fault):
    with pytest.raises(DataError, match=f"the embedding of 'a' .*{fault}"):
        Extractor(Discriminative(nano_extractor("bsrnn"))).extract(
            [noise(0.2)], [noise(0.2)], ["a"], [embedding]
        )


def test_a_short_signal_of_a_batch_is_warned_of_once(caplog):
    extractor = Extractor(Discriminative(nano_extractor("bsrnn")))
    extractor.extract([noise(0.05)], [noise(0.2)], ["a"])
    assert [record.message[:28] for record in caplog.records] == ["the mixture of 'a' is very s"]


def views(signal):
    """The same samples as PyTorch does not take them, or takes them with a warning."""
    read_only = signal.copy()
    read_only.flags.writeable = False
    pairs = np.zeros(len(signal), [("left", np.int8), ("right", np.float32)])  # five bytes a sample
    pairs["right"] = signal
    return {"backwards": signal[::-1].copy()[::-1], "read-only": read_only, "field": pairs["right"]}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["backwards", "read-only", "field"])
@pytest.mark.parametrize("num_samples", [1, 3200])
def test_views_of_arrays_give_the_samples_of_their_copies(kind, num_samples):
    extractor = Extractor(Discriminative(nano_extractor("bsrnn")))
    copies = noise(num_samples / 16000), noise(0.2, seed=1)
    mixture, enrollment = (views(signal)[kind] for signal in copies)
    for rate in (8000, 16000):
        np.testing.assert_array_equal(extractor(mixture, enrollment, rate), extractor(*copies, rate))
    estimate = extractor.extract([mixture], [enrollment], ["utt"])
    np.testing.assert_array_equal(estimate.waveform[0].numpy(), extractor(*copies, 16000))
    (told,) = extractor.presence(estimate, [enrollment])
    assert told == extractor.presence(estimate, [copies[1]])[0]


@pytest.mark.parametrize("rate", [0, -5, "16k", True, 16000.5])
def test_rates_that_are_none_are_refused(system, rate):
    with pytest.raises(DataError, match=f"the sample rate is {rate!r}; want Hz"):
        Extractor.from_pretrained(system)(noise(0.5), noise(0.5), rate)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(system):
    with pytest.raises(DataError, match="device cuda: PyTorch .* sees no GPU"):
        Extractor.from_pretrained(system, device="cuda")


def test_names_of_devices(system):
    with pytest.raises(DataError, match="device gpu: no such device; want cpu, cuda, or cuda:N"):
        Extractor.from_pretrained(system, device="gpu")


SINGLE = ("m.wav", "e.wav", "-o", "o.wav")
LISTS = ("--mixture_scp", "m.scp", "--enroll_scp", "e.scp", "--output_dir", "out")


@pytest.mark.parametrize(
    "words, fault",
    [
        ((*SINGLE, "--merge", "2"), "--merge is of lists and has no place beside one mixture"),
        ((*SINGLE, "--merge", "-1"), "--merge is -1, want 1 or more"),
        ((*SINGLE, *LISTS), "--mixture_scp is of lists"),
        ((*SINGLE, *LISTS[2:]), "--enroll_scp is of lists"),
        ((*SINGLE, *LISTS[4:]), "--output_dir is of lists"),
        ((*SINGLE, "--shard", "1/2"), "--shard is of lists"),
        ((*SINGLE, "--num_threads", "0"), "--num_threads is 0, want 1 or more"),
        ((*LISTS, "--batch_size", "0"), "--batch_size is 0, want 1 or more"),
        ((*LISTS, "--merge", "0"), "--merge is 0, want 1 or more"),
        ((*LISTS, "--merge", "2", "--shard", "1/2"), "goes without --shard"),
        ((*LISTS, "-o", "o.wav"), "-o is of one mixture"),
        (("--measure_latency", "--shard", "1/2"), "--measure_latency takes no shard"),
    ],
)
def test_options_that_do_not_go_together_end_with_code_2(capsys, words, fault):
    with pytest.raises(SystemExit) as end:
        extract_bin.main(words)
    assert end.value.code == 2 and fault in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file.wav", "file.wav/deeper"])
def test_a_file_where_a_folder_is_wanted_is_told_before_anything_is_loaded(tmp_path, capsys, place):
    write_signal(tmp_path / "file.wav", noise(0.1))
    for words in (
        (*SINGLE[:2], "-o", f"{tmp_path / place}/x.wav"),
        ("--stream", "mic", "e.wav", "-o", f"{tmp_path / place}/x.wav"),
        (*LISTS[:4], "--output_dir", str(tmp_path / place)),
    ):
        with pytest.raises(SystemExit) as end:
            extract_bin.main([*words, "--model", "no folder"])
        told = capsys.readouterr().err
        assert end.value.code == 2 and "loading" not in told
        assert f"{tmp_path / 'file.wav'} is a file where a folder is wanted; name another place" in told


def test_embeddings_go_with_lists(capsys):
    with pytest.raises(SystemExit) as end:
        extract_bin.main(["mixture.wav", "enrollment.wav", "-o", "out.wav", "--embedding_scp", "e.scp"])
    assert end.value.code == 2 and "--embedding_scp goes with --mixture_scp" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["mixture", "enrollment"])
def test_missing_inputs_are_reported_before_anything_is_loaded(tmp_path, capsys, missing):
    paths = {name: tmp_path / f"{name}.wav" for name in ("mixture", "enrollment")}
    for path in paths.values():
        write_signal(path, np.zeros(100))
    paths[missing] = tmp_path / "gone.wav"
    arguments = [*map(str, paths.values()), "-o", str(tmp_path / "out.wav")]
    assert extract_bin.main([*arguments, "--model", "no folder"]) == 1
    reported = capsys.readouterr().err
    assert f"{tmp_path / 'gone.wav'}: no such file; fix the path." in reported and "loading" not in reported


def test_very_short_signals_are_extracted_with_a_warning(system, caplog):
    estimate = Extractor.from_pretrained(system)(noise(10 / 16000), noise(0.1), 16000)
    assert estimate.shape == (10,) and np.isfinite(estimate).all()
    (message,) = [record.message for record in caplog.records if "short" in record.message]
    assert message.startswith(
        "the mixture is very short (10 samples at 16000 Hz, 0.000625 s); below 0.1 s, here 1600"
    )


def test_no_encoder_on_a_jointly_trained_model_is_remarked_on(system, caplog):
    Extractor.from_pretrained(system)
    assert not caplog.records
    Extractor.from_pretrained(system, {"refine": False})
    (message,) = [record.message for record in caplog.records]
    assert message.startswith("inference config: refine: false on a model whose language model and vocoder")


def test_a_silent_enrollment_is_named_by_key_and_role(system, tmp_path, capsys):
    command = [*scps(tmp_path, 2), f"--model={system}", f"--output_dir={tmp_path / 'out'}"]
    write_signal(tmp_path / "enroll_spk1.scp 1.wav", np.zeros(10))
    assert extract_bin.main(command) == 1
    told = capsys.readouterr().err
    assert (
        "key 'utt1'" in told and "the enrollment is digital silence: all of its samples are zero (10" in told
    )


def test_faults_of_headers_and_of_samples_are_told_together(system, tmp_path, capsys):
    command = [*scps(tmp_path, 3), f"--model={system}", f"--output_dir={tmp_path / 'out'}"]
    (tmp_path / "wav.scp 0.wav").unlink()
    write_signal(tmp_path / "wav.scp 1.wav", np.zeros(100))
    write_signal(tmp_path / "enroll_spk1.scp 2.wav", np.zeros(100))
    assert extract_bin.main(command) == 1
    told = capsys.readouterr().err
    assert "3 entries cannot be used" in told and all(f"key 'utt{index}'" in told for index in range(3))


def scps(folder, count=5):
    folder.mkdir(parents=True, exist_ok=True)
    lines = {"wav.scp": [], "enroll_spk1.scp": []}
    for index in range(count):
        for seed, name in enumerate(lines):
            path = folder / f"{name} {index}.wav"  # a path with a space
            write_signal(path, noise(0.3 + 0.1 * index, seed=10 * index + seed))
            lines[name].append(f"utt{index} {path}\n")
    for name, rows in lines.items():
        (folder / name).write_text("".join(rows))
    return [f"--mixture_scp={folder / 'wav.scp'}", f"--enroll_scp={folder / 'enroll_spk1.scp'}"]


def test_scp_extraction_in_shards_equals_one_job_and_resumes(system, tmp_path):
    inputs = scps(tmp_path / "data")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert extract_bin.main([*inputs, f"--output_dir={whole}", f"--model={system}", "--batch_size=2"]) == 0
    assert sorted(read_scp(whole / "wav.scp")) == [f"utt{i}" for i in range(5)]
    for part in (1, 2):
        command = [*inputs, f"--output_dir={parts}", f"--model={system}", f"--shard={part}/2"]
        assert extract_bin.main(command) == 0
    assert extract_bin.main([inputs[0], f"--output_dir={parts}", "--merge=2"]) == 0
    for key, path in read_scp(parts / "wav.scp").items():
        expected = soundfile.read(whole / f"{key}.wav")[0]
        np.testing.assert_allclose(soundfile.read(path)[0], expected, atol=1e-3)
        assert len(soundfile.read(path)[0]) == len(noise(0.3 + 0.1 * int(key[3:])))
    decoded = json.loads((parts / "decode.json").read_text())
    assert (
        decoded["num_utterances"] == 5
        and decoded["rtf"] > 0
        and decoded["settings"]["length_mode"] == "exact"
    )
    (whole / "utt3.wav").unlink()
    before = (whole / "utt1.wav").stat().st_mtime_ns
    assert extract_bin.main([*inputs, f"--output_dir={whole}", f"--model={system}"]) == 0
    assert (whole / "utt3.wav").is_file() and (whole / "utt1.wav").stat().st_mtime_ns == before


def test_merge_names_the_missing_key(system, tmp_path, capsys):
    inputs = scps(tmp_path / "data", count=2)
    command = [*inputs, f"--output_dir={tmp_path / 'out'}", f"--model={system}", "--shard=1/2"]
    assert extract_bin.main(command) == 0
    (tmp_path / "out" / "2").mkdir()
    merge = [inputs[0], f"--output_dir={tmp_path / 'out'}", "--merge=2"]
    for name in ("wav.scp", "decode.json", "extraction.json"):
        assert extract_bin.main(merge) == 1
        (tmp_path / "out" / "2" / name).write_text((tmp_path / "out" / "1" / name).read_text())
    assert extract_bin.main(merge) == 1
    assert "utt1" in capsys.readouterr().err


def test_a_packed_system_extracts_as_its_folder(system, tmp_path):
    archive = tmp_path / "system.zip"
    assert pack_bin.main([f"--model={system}", f"--output={archive}"]) == 0
    mixture, enrollment = noise(0.6), noise(0.4, seed=1)
    for path in (tmp_path / "m.wav", tmp_path / "e.wav"):
        write_signal(path, mixture if path.name == "m.wav" else enrollment)
    output = tmp_path / "out.wav"
    command = [str(tmp_path / "m.wav"), str(tmp_path / "e.wav"), "-o", str(output), f"--model={archive}"]
    assert extract_bin.main(command) == 0
    mixture, enrollment = (soundfile.read(tmp_path / name, dtype="float32")[0] for name in ("m.wav", "e.wav"))
    expected = Extractor.from_pretrained(system)(mixture, enrollment, 16000)
    np.testing.assert_allclose(soundfile.read(output)[0], expected, atol=1e-4)
    assert "/" not in yaml.safe_load(zipfile.ZipFile(archive).read("config.yaml"))["tokenizers"][
        "acoustic"
    ].removeprefix("tokenizers/")


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_packed_system_on_wavlm_opens_where_its_wavlm_is_not(tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    wavlm = write_wavlm(tmp_path / "downloads" / "wavlm")
    (wavlm / "preprocessor_config.json").write_text('{"do_normalize": true}')
    (wavlm / "notes.txt").write_text("not a part of it")
    if weights == "pytorch_model.bin":
        torch.save(load_file(wavlm / "model.safetensors"), wavlm / weights)
        (wavlm / "model.safetensors").unlink()
    conf = {"model_dir": "downloads/wavlm", "layer": 2}
    folder = write_system(tmp_path, frontend="wavlm", frontend_conf=conf)
    mixture, enrollment = noise(0.4), noise(0.3, seed=1)
    expected = Extractor.from_pretrained(folder)(mixture, enrollment, 16000)
    assert pack_bin.main([f"--model={folder}", "--output=system.zip"]) == 0
    monkeypatch.chdir(tmp_path / "exp")  # of the folder that is trained, also the recipe's place is searched
    np.testing.assert_allclose(
        Extractor.from_pretrained(folder)(mixture, enrollment, 16000), expected, atol=1e-4
    )
    shutil.rmtree(wavlm)
    found = Extractor.from_pretrained(tmp_path / "system.zip")(mixture, enrollment, 16000)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    with zipfile.ZipFile(tmp_path / "system.zip") as archive:
        inside = {name for name in archive.namelist() if name.startswith("frontend/")}
    assert inside == {"frontend/config.json", "frontend/preprocessor_config.json", f"frontend/{weights}"}
    with pytest.raises(
        DataError, match="its frontend is in none of: .*downloads/wavlm.*; put it there, or pack"
    ):
        Extractor.from_pretrained(folder)


def test_a_wavlm_of_several_files_is_not_packed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    wavlm = write_wavlm(tmp_path / "wavlm")
    folder = write_system(tmp_path, frontend="wavlm", frontend_conf={"model_dir": "wavlm", "layer": 2})
    (wavlm / "model.safetensors").rename(wavlm / "model-00001-of-00001.safetensors")
    assert pack_bin.main([f"--model={folder}", "--output=system.zip"]) == 1
    assert (
        "want the weights in one file" in capsys.readouterr().err and not (tmp_path / "system.zip").exists()
    )


def test_names_that_the_system_does_not_have_are_refused(system):
    with pytest.raises(DataError, match=r"tokenizers: unknown 'acoustc' \(did you mean 'acoustic'\?\)"):
        Extractor.from_pretrained(system, tokenizers={"acoustc": "/nowhere"})
    conf = replace(LauraTSEDecode(sampling=True, top_k=4, candidates=2), selector="loudest")
    with pytest.raises(DataError, match="selector: unknown 'loudest'"):
        Extractor.from_pretrained(system, conf)


def test_settings_that_do_not_go_with_the_system_are_refused_of_an_opened_one(system, caplog):
    model = load_model(system)
    with pytest.raises(DataError, match="inference config: give_enrollment is for models trained with"):
        Extractor(model, {"give_enrollment": True})
    Extractor(model, {"refine": False})
    assert "inference config: refine: false" in caplog.text


def test_another_codec_is_refused(system, tmp_path):
    other = write_system(tmp_path / "other", seed=1)
    with pytest.raises(DataError, match="codec mismatch"):
        Extractor.from_pretrained(system, tokenizers={"acoustic": str(other / "tokenizers" / "acoustic")})


@pytest.mark.parametrize(
    "damage, fault",
    [
        (lambda folder: (folder / "valid.loss.ave.pth").unlink(), "no such checkpoint"),
        (lambda folder: (folder / "valid.loss.ave.pth").write_bytes(b"cut"), "does not fit"),
        (lambda folder: (folder / "config.yaml").unlink(), "no such file"),
        (
            lambda folder: (folder / "tokenizers" / "acoustic" / "manifest.json").unlink(),
            "its tokenizer 'acoustic' is in none of",
        ),
    ],
)
def test_damaged_systems_say_what_is_missing(tmp_path, damage, fault):
    folder = write_system(tmp_path)
    damage(folder)
    with pytest.raises(DataError, match=fault):
        Extractor.from_pretrained(folder)


def test_weights_of_another_size_are_refused(tmp_path):
    folder = write_system(tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["lm_conf"]["num_layers"] = 3
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(DataError, match="does not fit"):
        Extractor.from_pretrained(folder)


def test_archives_that_lead_outside_are_refused(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(DataError, match="leads out"):
        Extractor.from_pretrained(path)
    assert not (tmp_path.parent / "outside.txt").exists()


@pytest.mark.parametrize(
    "conf, fault",
    [
        ("lenght_mode: exact", "did you mean 'length_mode'"),
        ("length_mode: forever", "none of"),
        ("top_p: 0", "top_p"),
        ("temperature: 0", "temperature"),
        ("overlap_s: 20", "overlap_s"),
        ("- a", "key: value"),
    ],
)
def test_faults_of_the_inference_config(system, tmp_path, capsys, conf, fault):
    path = tmp_path / "decode.yaml"
    path.write_text(conf)
    signal = str(tmp_path / "a.wav")
    write_signal(tmp_path / "a.wav", np.zeros(100))
    command = [
        signal,
        signal,
        "-o",
        str(tmp_path / "c.wav"),
        f"--model={system}",
        f"--inference_config={path}",
    ]
    assert extract_bin.main(command) == 1
    assert fault in capsys.readouterr().err


def test_faults_of_the_lists(system, tmp_path, capsys):
    inputs = scps(tmp_path / "data", count=2)
    enroll = tmp_path / "data" / "enroll_spk1.scp"
    first, second = enroll.read_text().splitlines()

    def fails(text):
        enroll.write_text(text)
        assert extract_bin.main([*inputs, f"--output_dir={tmp_path / 'out'}", f"--model={system}"]) == 1
        return capsys.readouterr().err

    assert "lacks 1 keys" in fails(first + "\n")
    assert "dynamic enrollment" in fails(f"{first}\nutt1 *utt0 spk\n")
    assert "no such file" in fails(f"{first}\nutt1 nowhere.wav\n")
    assert "duplicate key" in fails(f"{first}\n{first}\n")
    with pytest.raises(SystemExit) as exit_:
        extract_bin.main(["a.wav"])
    assert exit_.value.code == 2


def test_decode_conf_defaults_are_exact_and_greedy():
    conf = LauraTSE.Decode()
    assert conf.length_mode == "exact" and not conf.sampling


@pytest.mark.parametrize("word, fault", [("there", "want NAME=PLACE, as"), ("acoustic=", "give both, as")])
def test_tokenizers_of_another_form_are_refused_by_extract(word, fault):
    args = extract_bin.get_parser().parse_args(["--tokenizers", "a=b", word])
    with pytest.raises(DataError, match=f"--tokenizers {word}: .*{fault} acoustic=exp/codec_mini"):
        extract_bin.places_of_tokenizers(args)
