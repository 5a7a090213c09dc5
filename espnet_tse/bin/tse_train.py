"""Train a TSE system: ``python3 -m espnet_tse.bin.tse_train --config conf/X.yaml ...``."""

import sys
from typing import Sequence

from espnet_tse.io.command_line import announce, imports_to_stderr, run_command
from espnet_tse.io.parent_process import end_with_torchrun


def get_parser():
    return load_task().get_parser()


def load_task():
    announce("loading PyTorch and ESPnet")
    # ESPnet prints to stdout while it is imported, which would spoil ``--print_config > x.yaml``.
    with imports_to_stderr():
        from espnet_tse.tasks.tse import TSETask
    return TSETask


def main(cmd: Sequence[str] | None = None) -> int:
    end_with_torchrun()
    task = load_task()
    return run_command("espnet-tse train", lambda: task.main(cmd=cmd))


if __name__ == "__main__":
    sys.exit(main())
