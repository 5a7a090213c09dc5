import subprocess
import sys

PROGRAM = """
import sys
from espnet_tse.train.espnet_task import AbsTask, scheduler_classes
print('at first', *sorted({"transformers", "numba", "espnet2.gan_tts.jets.alignments"} & set(sys.modules)))
from espnet2.layers.create_adapter import create_adapter
from espnet2.gan_tts.jets.alignments import AlignmentModule
print('later', create_adapter.__module__, AlignmentModule.__module__, AbsTask.__module__)
"""


def test_what_nobody_needs_is_not_loaded_and_can_be_later():
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    lines = output.splitlines()
    assert "at first" in lines
    assert (
        "later espnet2.layers.create_adapter espnet2.gan_tts.jets.alignments espnet2.tasks.abs_task" in lines
    )
