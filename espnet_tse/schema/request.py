"""What is asked of a generator."""

from dataclasses import dataclass, replace

from torch import Tensor

from espnet_tse.schema.conditions import Conditions
from espnet_tse.schema.decode_conf import DecodeConf
from espnet_tse.schema.prediction import Prediction
from espnet_tse.schema.rows import BatchedFields


@dataclass
class Request(BatchedFields):
    """Lengths, seeds and settings of an extraction, and what of its result is known beforehand."""

    num_samples: Tensor  # (B,) int64, of the target, which is as long as the mixture
    keys: list[str]  # B utterance ids; with ``conf.seed`` they seed each row's own draws
    conf: DecodeConf  # the model's ``Decode``
    # The one door for all that need not be generated: tokens of an earlier stage, codes of the enrollment or
    # of a front-end's output, the start of a flow. Names of its streams: those of the model that reads them.
    given: Prediction | None = None
    # What the model's ``conditions`` has made of these rows, where it was done for several candidates at once.
    conditions: Conditions | None = None

    shared = ("conf",)

    def crop(self, starts: Tensor, lengths: Tensor, sample_rate: int) -> "Request":
        """The request for a span of samples of every row, whose keys are ``key@start``.

        What is given of the ``enrollment`` stays whole, as the enrollment itself does; conditions are of the
        whole mixture and are left out.
        """
        given = self.given
        if given is not None:
            kept = {name: stream for name, stream in given.streams.items() if name == "enrollment"}
            given = given.crop(starts, lengths, sample_rate)
            given.streams.update(kept)
        keys = [f"{key}@{start}" for key, start in zip(self.keys, starts.tolist())]
        return replace(self, num_samples=lengths, keys=keys, given=given, conditions=None)
