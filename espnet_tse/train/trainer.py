"""ESPnet's trainer with checkpoints that cannot run code and cannot be half-written."""

import dataclasses
import datetime
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from espnet2.train.trainer import Trainer

from espnet_tse.schema.files import write_tensors

# What ESPnet's reporter stores beside tensors: durations and numpy numbers. None of them runs code.
PLAIN_TYPES = [
    datetime.timedelta,
    defaultdict,
    dict,
    np._core.multiarray.scalar,
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
]


class TSETrainer(Trainer):
    """``espnet2.train.trainer.Trainer``; only reading and writing of checkpoints differ."""

    @staticmethod
    def resume(checkpoint, model, reporter, optimizers, schedulers, scaler, ngpu=0, strict=True):
        """Restore a checkpoint of tensors and plain values.

        Raises:
            RuntimeError: the file is truncated or holds anything else.
        """
        device = f"cuda:{torch.cuda.current_device()}" if ngpu > 0 else "cpu"
        try:
            with torch.serialization.safe_globals(PLAIN_TYPES):
                states = torch.load(checkpoint, map_location=device, weights_only=True)
        except Exception as error:
            raise RuntimeError(
                f"{checkpoint} cannot be read ({error}); remove it to train from the start, or copy a good one back."
            ) from error
        model.load_state_dict(states["model"], strict=strict)
        reporter.load_state_dict(states["reporter"])
        for optimizer, state in zip(optimizers, states["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        for scheduler, state in zip(schedulers, states["schedulers"], strict=True):
            if scheduler is not None:
                scheduler.load_state_dict(state)
        if scaler is not None and states["scaler"] is not None:
            scaler.load_state_dict(states["scaler"])
        logging.info(f"The training was resumed using {checkpoint}")

    @classmethod
    def run(cls, model, trainer_options, **kwargs) -> None:
        """As ESPnet, every file written under a temporary name first.

        ``use_amp`` works without a GPU too, as bfloat16; ESPnet's own is CUDA's alone.
        """
        if trainer_options.use_amp and trainer_options.ngpu == 0:
            model.bf16_on_cpu = True
            trainer_options = dataclasses.replace(trainer_options, use_amp=False)
        with atomic_torch_save():
            super().run(model=model, trainer_options=trainer_options, **kwargs)


class atomic_torch_save:
    """While active, ``torch.save`` to a path goes through a temporary name, so a kill leaves the old file."""

    def __enter__(self):
        self.original = torch.save

        def save(content, path, *args, **kwargs):
            if not isinstance(path, (str, Path)):
                return self.original(content, path, *args, **kwargs)
            write_tensors(path, content)  # which calls this function again, with an open file

        torch.save = save

    def __exit__(self, *exc_info):
        torch.save = self.original
