"""YAML files of one mapping."""

from pathlib import Path

from espnet_tse.schema.scp import DataError


def read_yaml(path: Path | str) -> dict:
    """Read a mapping; an empty file is an empty one. Nothing in the file is executed.

    Raises:
        DataError: missing, not UTF-8, no YAML (with the line), or no mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; mend the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as YAML ({' '.join(str(error).split())}); mend that line.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DataError(f"{path}: want 'key: value' lines, got a {type(content).__name__}.")
    return content
