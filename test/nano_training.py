"""Command lines of nano trainings, and what they leave."""

import torch
import yaml
from tse_system import SYSTEM

TRAINING = {
    "crop_s": 0.6,
    "enrollment_s": 0.4,
    "batch_size": 4,
    "num_workers": 0,
    "num_iters_per_epoch": 3,
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-3},
    "num_att_plot": 0,
    "use_matplotlib": False,
    "use_tensorboard": False,
    "best_model_criterion": [["valid", "loss", "min"]],
    "keep_nbest_models": 1,
    "grad_clip": 5.0,
}


def options(recipe, output_dir, conf=None, **training):
    path = output_dir.parent / f"{output_dir.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**SYSTEM, **TRAINING, **(conf or {}), **training}))
    return [
        f"--config={path}",
        f"--train_data_dir={recipe / 'train'}",
        f"--valid_data_dir={recipe / 'valid'}",
        f"--train_tokens=acoustic={recipe / 'codes_train'}",
        f"--valid_tokens=acoustic={recipe / 'codes_valid'}",
        f"--tokenizers=acoustic={recipe / 'codec'}",
        f"--output_dir={output_dir}",
        "--ngpu=0",
    ]


def weights(folder, name="latest.pth"):
    return torch.load(folder / name, weights_only=True)
