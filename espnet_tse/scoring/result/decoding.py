"""What the decode.json beside estimates says about how they came about."""

import json
from pathlib import Path

from espnet_tse.io.scp import DataError

ORACLE = "oracle"  # the value of a decoding setting that reads the truth


def flags_of_decoding(inf_scp: Path | None, inf_dir: Path | None, candidates: int) -> list[str]:
    """What of the decoding makes a row incomparable: settings that were told the truth, a choice among candidates.

    Args:
        inf_scp: list of the estimates, beside which extraction leaves decode.json.
        inf_dir: or their folder.
        candidates: as the caller says; 1 leaves it to decode.json, where there is one.
    Raises:
        DataError: decode.json is not JSON.
    """
    settings = settings_of((inf_scp.parent if inf_scp else inf_dir) / "decode.json")
    flags = [
        f"{name}: {ORACLE}, from the true targets" for name, value in settings.items() if value == ORACLE
    ]
    said = settings.get("candidates")
    number = candidates if candidates > 1 or not isinstance(said, int) else said
    if number > 1:
        chooser = f" by {settings['selector']}" if settings.get("selector") and number == said else ""
        flags.append(f"best of {number} candidates{chooser}")
    return flags


def settings_of(path: Path) -> dict:
    """Decoding settings in a decode.json; none where there is none, or one of another toolkit.

    Raises:
        DataError: it is not JSON.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); decode this set again.") from None
    settings = content.get("settings") if isinstance(content, dict) else None
    return settings if isinstance(settings, dict) else {}
