"""An estimate with NaN or infinite samples ends as an error that names key and system; no file of it is written."""

import numpy as np
import pytest
import torch
from nano_extractors import SYSTEMS
from tse_system import write_model, write_signal

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.io.scp import DataError
from espnet_tse.schema import Estimate


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A system whose weights a training has made NaN."""
    extractor_conf, (speaker, speaker_conf) = SYSTEMS["td_speakerbeam"]
    folder = tmp_path_factory.mktemp("exp") / "tse_broken"
    folder.mkdir()
    parts = {"extractor": "td_speakerbeam", "extractor_conf": extractor_conf, "speaker_encoder": speaker}
    conf = {"model": "discriminative", "model_conf": {}, **parts, "speaker_encoder_conf": speaker_conf}
    write_model(folder, {**conf, "tokenizers": {}}, seed=0)
    weights = torch.load(folder / "valid.loss.ave.pth", weights_only=True)
    name = next(name for name, value in weights.items() if value.is_floating_point())
    weights[name].fill_(torch.nan)
    torch.save(weights, folder / "valid.loss.ave.pth")
    return folder


@pytest.fixture
def corpus(tmp_path):
    for seed, role in enumerate(("mix", "enroll")):
        for key, length in (("a", 4000), ("b", 9000)):
            noise = np.random.default_rng(seed).standard_normal(length) * 0.1
            write_signal(tmp_path / f"{role}_{key}.wav", noise)
        (tmp_path / f"{role}.scp").write_text("".join(f"{k} {tmp_path}/{role}_{k}.wav\n" for k in "ab"))
    (tmp_path / "chunks.yaml").write_text("max_chunk_s: 0.4\noverlap_s: 0.1\n")
    return tmp_path


@pytest.mark.parametrize("more, key", [([], "'a', 'b'"), (["--batch_size", "1"], "'a'"), (["chunks"], "'b'")])
def test_of_lists(system, corpus, capsys, more, key):
    words = ["--model", str(system), "--output_dir", str(corpus / "out")]
    if more == ["chunks"]:  # of one mixture, which is written chunk by chunk
        more = ["--inference_config", str(corpus / "chunks.yaml")]
        for role in ("mix", "enroll"):
            (corpus / f"{role}.scp").write_text(f"b {corpus}/{role}_b.wav\n")
    lists = ["--mixture_scp", str(corpus / "mix.scp"), "--enroll_scp", str(corpus / "enroll.scp")]
    assert extract.main([*words, *lists, *more]) == 1
    assert f"the estimate of {key} by {system} holds NaN or infinite samples" in capsys.readouterr().err
    assert not list((corpus / "out").glob("*.wav"))


def test_of_one_mixture(system, corpus, capsys):
    words = [str(corpus / "mix_a.wav"), str(corpus / "enroll_a.wav"), "-o", str(corpus / "x.wav")]
    assert extract.main([*words, "--model", str(system)]) == 1
    assert "the estimate of the mixture by" in capsys.readouterr().err and not (corpus / "x.wav").exists()


def test_of_the_second_talker(system):
    extractor = Extractor.from_pretrained(system)
    waveform = torch.zeros(2, 10)
    second = waveform.clone()
    second[1, 3] = torch.inf
    estimate = Estimate(waveform, torch.tensor([10, 10]), 16000, second=second)
    with pytest.raises(DataError, match="the estimate of 'b' by"):
        extractor.refuse_not_finite(estimate, ["a", "b"])
