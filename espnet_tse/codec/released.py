"""Folders of codecs as others have released them."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.codec.released_bicodec import LICENCE as BICODEC_LICENCE
from espnet_tse.codec.released_bicodec import folder_of_bicodec, import_bicodec
from espnet_tse.codec.released_funcodec import import_funcodec


@dataclass
class Released:
    """A codec that was read of a released folder."""

    name: str  # of ``codec_choices``
    codec: AbsTokenizer  # frozen, in eval mode
    config: dict  # as released
    licence: str  # under which its makers have published the weights


def import_released(folder: Path) -> Released:
    """A FunCodec folder (config.yaml, model.pth), or one that holds BiCodec/ and wav2vec2-large-xlsr-53/.

    Raises:
        DataError: a file is missing or unreadable, the configuration asks for something that is not computed
            here, or weights are missing, unexpected or of another shape (all are listed).
    """
    if folder_of_bicodec(folder) is not None:
        return Released("bicodec", *import_bicodec(folder), BICODEC_LICENCE)
    return Released("funcodec", *import_funcodec(folder), "MIT")
