"""What the exit code of another process means, in words."""

import signal

OUT_OF_MEMORY = "usually the machine ran out of memory"


def ending_of(code: int) -> str:
    """How a process ended, as the end of a sentence that begins with its name.

    Args:
        code: as Python tells it (negative for a signal), or a shell (128 and the signal).
    """
    number = -code if code < 0 else code - 128
    if number == signal.SIGKILL:
        return f"was killed (signal 9): {OUT_OF_MEMORY}"
    if code >= 0 and not 128 < code < 160:
        return f"ended with exit code {code}"
    try:
        return f"was ended by signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"was ended by signal {number}" if code < 0 else f"ended with exit code {code}"
