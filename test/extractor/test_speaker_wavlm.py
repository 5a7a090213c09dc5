"""WavLM's x-vectors as a speaker encoder."""

import json

import pytest
import torch

from espnet_tse.extractor.speaker_wavlm import SpeakerWavLM, SpeakerWavLMConfig
from espnet_tse.io.scp import DataError

SIZES = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    **{"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2},
    **{"tdnn_dim": [8, 8, 8, 8, 12], "xvector_output_dim": 6},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import WavLMConfig, WavLMForXVector

    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("xvector")
    # Its classes of training speakers are as many as in no other model.
    model = WavLMForXVector(WavLMConfig(use_weighted_layer_sum=True, num_labels=7, **SIZES))
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(path)
    return path


def new_encoder(folder, **sizes) -> SpeakerWavLM:
    torch.manual_seed(0)
    return SpeakerWavLM(SpeakerWavLMConfig(str(folder), {**SIZES, **sizes})).train()


def test_it_embeds_as_transformers_does_with_the_folders_weights(folder):
    from transformers import WavLMForXVector

    encoder = new_encoder(folder)
    signal = torch.randn(1, 6000, generator=torch.Generator().manual_seed(0))
    untrained = encoder(signal, None)
    encoder.start_from_pretrained()
    scaled = (signal - signal.mean()) / (signal.var(unbiased=False) + 1e-7).sqrt()
    with torch.no_grad():
        expected = WavLMForXVector.from_pretrained(folder).eval()(scaled).embeddings
    torch.testing.assert_close(encoder(signal, None), expected)
    assert not torch.allclose(untrained, expected) and encoder.output_dim == 6


def test_rows_are_as_they_are_alone_and_short_ones_are_repeated(folder):
    encoder = new_encoder(folder)
    signal = torch.randn(2, 7000, generator=torch.Generator().manual_seed(0))
    both = encoder(signal, torch.tensor([7000, 900]))
    torch.testing.assert_close(both[1], encoder(signal[1:, :900], None)[0])
    assert both.isfinite().all() and not any(weight.requires_grad for weight in encoder.parameters())


def test_a_folder_without_this_model_is_an_error(folder, tmp_path):
    with pytest.raises(DataError, match="no config.json there; fetch microsoft/wavlm-base-plus-sv"):
        new_encoder(tmp_path).start_from_pretrained()
    with pytest.raises(DataError, match="not this x-vector model"):
        new_encoder(folder, xvector_output_dim=5).start_from_pretrained()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wavlm"}))
    with pytest.raises(DataError, match="not this x-vector model"):
        new_encoder(tmp_path).start_from_pretrained()


def test_sizes_that_make_no_model_are_refused():
    with pytest.raises(ValueError, match="make no WavLM"):
        SpeakerWavLM(SpeakerWavLMConfig(sizes={"hidden_size": 15, "num_attention_heads": 4}))
