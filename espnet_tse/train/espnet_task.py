"""ESPnet's task class and tables, without what its import loads and no system here uses.

``espnet2.tasks.abs_task`` imports adapters for fine-tuning, which import transformers, and plots of attentions, which
import numba: two thirds of the time until a training begins.
"""

import contextlib
import sys
from types import ModuleType
from typing import Iterator

UNUSED = {
    "espnet2.layers.create_adapter": ("create_adapter",),
    "espnet2.gan_tts": (),
    "espnet2.gan_tts.jets": (),
    "espnet2.gan_tts.jets.alignments": ("AlignmentModule",),
}


class Unused:
    """In place of a class or function that is not loaded; nothing is an instance of it."""

    def __init__(self, *_args: object, **_settings: object):
        raise ImportError("espnet_tse does not load this part of ESPnet.")


@contextlib.contextmanager
def _without(modules: dict[str, tuple[str, ...]]) -> Iterator[None]:
    """Let imports find stand-ins of modules that are not loaded yet; behind it the modules can be imported as ever."""
    stand_ins = {name: ModuleType(name) for name in modules if name not in sys.modules}
    for name, module in stand_ins.items():
        vars(module).update(dict.fromkeys(modules[name], Unused))
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


with _without(UNUSED):
    from espnet2.tasks import abs_task
    from espnet2.tasks.abs_task import AbsTask, optim_classes, scheduler_classes

__all__ = ["AbsTask", "abs_task", "optim_classes", "scheduler_classes"]
