"""The contract of the ``lm`` slot: whatever generates the target from conditions."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.schema import Conditions, DecodeConf, Prediction


class AbsGenerator(nn.Module, ABC):
    """Language model, diffusion, flow or one-step network.

    Each kind also has its own ``loss``, whose arguments are those of its criterion; the model file of
    the system calls it.
    """

    @abstractmethod
    def generate(
        self, conditions: Conditions, num_frames: Tensor, conf: DecodeConf, keys: list[str]
    ) -> Prediction:
        """Predict the target.

        Args:
            conditions: of B rows.
            num_frames: (B,) int64, frames of the target, which is as long as the mixture.
            conf: how to decode.
            keys: B utterance ids; with ``conf.seed`` they seed each row's draws.
        """
