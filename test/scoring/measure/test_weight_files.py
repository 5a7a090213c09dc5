from dataclasses import replace

import pytest

from espnet_tse.scoring.measure.registry import MEASURES
from espnet_tse.scoring.measure.weight_files import LOCAL_WEIGHTS, WEIGHTS, Places
from espnet_tse.scoring.measure.weights import find_weight, missing_parts, weight_sha256


@pytest.fixture(autouse=True)
def empty_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    return Places(tmp_path)


@pytest.mark.parametrize("name", list(LOCAL_WEIGHTS))
def test_what_is_missing_comes_with_address_size_and_licence(name, place):
    weight = LOCAL_WEIGHTS[name]
    assert weight.problem(Places()).startswith(
        f"weights {weight.relative} are not given (--model_dir); get them with"
    )
    problem = weight.problem(place)
    assert (
        f"are not in --model_dir {place.model_dir}; get them with: {weight.command(place.model_dir)} ("
        in problem
    )
    assert str(place.model_dir) in weight.command(
        place.model_dir
    )  # the command puts it where it is looked for
    assert weight.size in problem and weight.licence in problem


def test_an_error_page_is_no_weights(place):
    path = place.model_dir / "nisqa" / "nisqa.tar"
    path.parent.mkdir()
    path.write_text("<html>rate limit</html>")
    (lack,) = missing_parts(MEASURES["nisqa"], place)
    assert "nisqa.tar has only 23 bytes: an error page or a download cut short; get them with: curl" in lack
    path.write_bytes(bytes(600_000))
    assert missing_parts(MEASURES["nisqa"], place) == [] and find_weight("nisqa", place) == path


def test_a_folder_needs_all_of_its_files(place, monkeypatch):
    monkeypatch.setitem(WEIGHTS, "wavlm_sv", replace(WEIGHTS["wavlm_sv"], min_bytes=5))
    folder = place.model_dir / "hf" / "wavlm-base-plus-sv"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (lack,) = missing_parts(MEASURES["wavlm_sv"], place)
    assert "lacks preprocessor_config.json, model.safetensors or pytorch_model.bin" in lack
    for name in ("preprocessor_config.json", "pytorch_model.bin"):
        (folder / name).write_text("weights")
    assert missing_parts(MEASURES["wavlm_sv"], place) == []
    # Only what is loaded counts: a README or the other format's tensors do not part results.
    digest = weight_sha256("wavlm_sv", place)
    (folder / "README.md").write_text("read me")
    assert weight_sha256("wavlm_sv", place) == digest
    (folder / "model.safetensors").write_text("weights")
    assert weight_sha256("wavlm_sv", place) != digest


def test_other_dnsmos_files_of_a_model_folder_go_before_the_wheel(place):
    in_wheel = find_weight("dnsmos_primary", place)
    assert in_wheel is not None and place.model_dir not in in_wheel.parents
    folder = place.model_dir / "dnsmos"
    (folder / "dnsmos_models").mkdir(parents=True)
    assert find_weight("dnsmos_primary", place) is None
    (folder / "dnsmos_models" / "sig_bak_ovr.onnx").touch()
    assert find_weight("dnsmos_primary", place) == folder / "dnsmos_models" / "sig_bak_ovr.onnx"


def test_a_snapshot_in_the_hubs_cache_will_do(tmp_path):
    repository = tmp_path / "cache" / "models--facebook--hubert-base-ls960"
    for path in (repository / "snapshots" / "a", repository / "refs"):
        path.mkdir(parents=True)
    (repository / "refs" / "main").write_text("a")
    assert find_weight("hubert") == repository / "snapshots" / "a"
    assert "lacks config.json" in WEIGHTS["hubert"].problem(Places())
