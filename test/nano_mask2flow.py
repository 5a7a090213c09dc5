"""Mask2Flow-TSE at the size of unit tests."""

PARTS = {
    "encoder": "masked_mel_lstm",
    "encoder_conf": {"num_mels": 20, "kernels": [[3, 3]], "channels": 2, "maps": 2, "lstm_width": 8},
    "speaker_encoder": "resnet34",
    "speaker_encoder_conf": {"width": 2, "num_blocks": [1, 1, 1, 1], "output_dim": 4},
    "lm": "mel_flow",
    "lm_conf": {"num_layers": 1, "width": 16, "num_heads": 2, "feedforward": 24},
    "vocoder": "mixture_phase",
}
