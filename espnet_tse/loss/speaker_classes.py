"""Cross entropy of the enrolled speaker among those of the training set."""

from torch import Tensor
from torch.nn import functional as F

from espnet_tse.io.scp import DataError
from espnet_tse.layers.mean_over_time import mean_over_time


def speaker_cross_entropy(logits: Tensor, speaker: Tensor | None, lengths: Tensor) -> Tensor:
    """Mean over time; rows of unknown speakers are 0.

    Args:
        logits: (B, number of speakers).
        speaker: (B,) int64, -1 where unknown; may lie on the host.
        lengths: (B,) of the mixtures.
    Raises:
        DataError: no numbers in the batch, or one beyond the classes.
    """
    if speaker is None:
        raise DataError("the loss 'speaker' wants the numbers of the enrolled speakers in the batch.")
    if int(speaker.max()) >= logits.size(1):
        raise DataError(
            f"speaker {int(speaker.max())} of the training set, but model_conf has num_speakers {logits.size(1)}; "
            "leave it out, training counts them."
        )
    speaker = speaker.to(logits.device, non_blocking=True)  # training leaves it on the host for the check
    entropy = F.cross_entropy(logits.float(), speaker, ignore_index=-1, reduction="none")
    return mean_over_time(entropy, lengths)
