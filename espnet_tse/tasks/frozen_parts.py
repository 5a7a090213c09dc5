"""What of a model is frozen: the names that a training is given, and the identity of whole parts that checkpoints lack."""

import hashlib
import json
from pathlib import Path
from typing import Sequence

from torch import nn

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.io.files import write_json
from espnet_tse.io.nearest_name import nearest_name
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import FROZEN, AbsTSEModel

KEPT_PARTS = "frozen_of_training.json"  # in a system's folder


def check_frozen_names(names: Sequence[str], model: nn.Module) -> None:
    """Raise DataError for a name of ``freeze_param`` that no parameter has or begins with, for it would freeze nothing."""
    known = set()
    for parameter, _ in model.named_parameters():
        parts = parameter.split(".")
        known |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    for name in names:
        if name not in known:
            near = nearest_name(name, known)
            raise DataError(
                f"--freeze_param {name}: no parameter of the system has this name or lies below it"
                + (f"; did you mean {near}?" if near else ".")
            )


def frozen_parts(model: AbsTSEModel) -> dict[str, str]:
    """Name of each frozen copy, and of each system that is run as it is -> hash."""
    return {
        name.removeprefix(FROZEN): identity_of(part)
        for name, part in model.named_children()
        if name.startswith(FROZEN)
    }


def identity_of(part: nn.Module) -> str:
    """Hash of the weights of a part, and of what in it is in no checkpoint of its own: tokenizers, further systems."""
    inside = [module for module in part.modules() if isinstance(module, (AbsIdentified, AbsTSEModel))]
    others = [module for module in inside if module is not part]
    hashes = [weights_sha256(module) for module in (part, *others)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def remember_frozen_parts(model: AbsTSEModel, folder: Path) -> None:
    """Keep the hashes in the folder of a training that begins."""
    if parts := frozen_parts(model):
        write_json(folder / KEPT_PARTS, parts)


def check_frozen_parts(model: AbsTSEModel, folder: Path, fix: str) -> None:
    """Compare what ``model`` has with what the training in ``folder`` had; earlier versions have kept no hashes.

    Args:
        fix: ends the message.
    Raises:
        DataError: a part is another one, or the hashes cannot be read.
    """
    path = folder / KEPT_PARTS
    if not path.is_file():
        return
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        changed = {
            name: (kept[name], found)
            for name, found in frozen_parts(model).items()
            if kept.get(name, found) != found
        }
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); copy it again from where it was trained."
        ) from None
    if changed:
        shown = ", ".join(
            f"{name} (sha256 {str(then)[:12]}, now {now[:12]})" for name, (then, now) in changed.items()
        )
        raise DataError(f"{folder}: was trained with another frozen {shown}; {fix}.")
