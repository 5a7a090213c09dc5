import shutil

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.pretrained import load_pretrained


def test_a_folder_that_lacks_tensors_is_refused(models, tmp_path):
    from safetensors.torch import load_file, save_file
    from transformers import HubertModel

    folder = shutil.copytree(models("hf/hubert-base-ls960"), tmp_path / "hubert")
    state = load_file(folder / "model.safetensors")
    del state["encoder.layers.3.attention.k_proj.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        DataError, match=r"lacks 1 tensors, the first is encoder.layers.3.attention.k_proj.weight"
    ):
        load_pretrained(HubertModel, folder)


def test_another_model_is_refused(models):
    from transformers import HubertModel

    with pytest.raises(DataError, match="not a whole HubertModel, lacks"):
        load_pretrained(HubertModel, models("hf/wavlm-base-plus-sv"))


def test_weights_that_are_none_are_named(tmp_path):
    from transformers import HubertModel

    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    (tmp_path / "model.safetensors").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=f"{tmp_path}: not a HubertModel"):
        load_pretrained(HubertModel, tmp_path)
