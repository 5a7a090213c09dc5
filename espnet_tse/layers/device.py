"""Names of devices as users give them."""

import torch

from espnet_tse.io.scp import DataError


def check_device(device: str) -> None:
    """Raise DataError for a name that is no device's, or a GPU that is not there."""
    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise DataError(f"device {device}: no such device; want cpu, cuda, or cuda:N for GPU N.") from None
    if wanted.type != "cuda":
        return
    if not torch.cuda.is_available():
        raise DataError(
            f"device {device}: PyTorch {torch.__version__} sees no GPU; leave it out to use processors."
        )
    if (wanted.index or 0) >= torch.cuda.device_count():
        raise DataError(
            f"device {device}: PyTorch sees {torch.cuda.device_count()} GPUs, counted from 0; name one of these."
        )
