"""What the decode.json beside estimates says about how they came about."""

import json
from pathlib import Path

from espnet_tse.io.scp import DataError

ORACLE = "oracle"  # the value of a decoding setting that reads the truth


def oracle_settings(inf_scp: Path | None, inf_dir: Path | None) -> list[str]:
    """A remark for each decoding setting that was told the truth; none where no decode.json is.

    Args:
        inf_scp: list of the estimates, beside which extraction leaves decode.json.
        inf_dir: or their folder.
    Raises:
        DataError: decode.json is not JSON.
    """
    path = (inf_scp.parent if inf_scp else inf_dir) / "decode.json"
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); decode this set again.") from None
    settings = content.get("settings") if isinstance(content, dict) else None
    settings = settings if isinstance(settings, dict) else {}  # of another toolkit
    return [f"{name}: {ORACLE}, from the true targets" for name, value in settings.items() if value == ORACLE]
