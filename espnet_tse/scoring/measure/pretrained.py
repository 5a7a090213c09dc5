"""Models of transformers from a local folder, complete or not at all."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from espnet_tse.io.scp import DataError


def load_pretrained(model_class: type, folder: Path) -> Any:
    """``model_class`` with the weights of ``folder``, in float32 and eval mode, on one thread.

    Raises:
        DataError: the weights cannot be read or lack tensors.
    """
    import torch
    from safetensors import SafetensorError
    from transformers.utils import logging

    torch.set_num_threads(1)
    # What it would warn about (randomly initialised tensors) is an error here.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = model_class.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, RuntimeError, ValueError, SafetensorError, UnpicklingError) as error:
        raise DataError(f"{folder}: not a {model_class.__name__} ({error}); fix or replace it.") from error
    # transformers initialises missing tensors at random; the training mask is never used here.
    missing = sorted(name for name in report["missing_keys"] if not name.endswith("masked_spec_embed"))
    if missing:
        raise DataError(
            f"{folder}: not a whole {model_class.__name__}, lacks {len(missing)} tensors, the first is "
            f"{missing[0]}; download the model named on the metric's card."
        )
    return model.eval()
