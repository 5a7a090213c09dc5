"""SpeechBERTScore (Saeki et al., INTERSPEECH 2024): nearest frames of HuBERT hidden states."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import full_scale
from espnet_tse.scoring.measure.pretrained import load_pretrained

HIDDEN_STATE = 11  # of 0 to 12; 0 is the input of the first layer


def nearest_frames(estimate: np.ndarray, target: np.ndarray) -> list[float]:
    """[precision, recall, F1] of frames (T_e, D) and (T_r, D) by their cosines."""
    estimate, target = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (estimate, target))
    cosines = estimate @ target.T
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    return [precision, recall, 2 * precision * recall / (precision + recall)]


class SpeechBertScore:
    """(target, estimate) -> [precision, recall, F1]."""

    def __init__(self, folder: Path):
        """``folder``: HuBERT base as transformers saves it."""
        import torch
        from transformers import HubertModel

        self.torch, self.model = torch, load_pretrained(HubertModel, folder)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """(N,) samples at 16 kHz, at least 400 -> (T, D); the input is not normalised."""
        with self.torch.inference_mode():
            signal = self.torch.from_numpy(full_scale(samples))[None]
            states = self.model(signal, output_hidden_states=True).hidden_states
        return states[HIDDEN_STATE][0].double().numpy()

    def __call__(self, target: np.ndarray, estimate: np.ndarray) -> list[float]:
        """Scores of (N_r,) and (N_e,) samples; one file a forward pass, because padding would leak."""
        return nearest_frames(self.frames(estimate), self.frames(target))
