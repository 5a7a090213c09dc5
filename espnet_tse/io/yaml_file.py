"""YAML files of one mapping."""

from pathlib import Path

from espnet_tse.io.scp import DataError


def read_yaml(path: Path | str) -> dict:
    """Read a mapping; an empty file is an empty one. Nothing in the file is executed.

    Raises:
        DataError: missing, a folder, not UTF-8, no YAML (with the line), a duplicate key, or no mapping.
    """
    import yaml

    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=loader_of_unique_keys())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; fix the path.") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; name a file that can be read.") from None
    except RepeatedKey as error:
        raise DataError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that is none
        raise DataError(
            f"{path}: not readable as YAML ({' '.join(str(error).split())}); fix that line."
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DataError(f"{path}: want 'key: value' lines, got a {type(content).__name__}.")
    return content


def without_tuples(values: dict) -> dict:
    """Tuples as lists, which safe YAML can hold."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


class RepeatedKey(ValueError):
    """A duplicate key in one mapping."""


def loader_of_unique_keys() -> type:
    """PyYAML's safe loader, which by itself takes the last of several values of a key and says nothing."""
    import yaml

    class Loader(yaml.SafeLoader):
        # While composing: later "<<" has put the keys of other mappings beside those that override them.
        def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    where = f"lines {lines[name]} and {line}"
                    raise RepeatedKey(f"duplicate key '{key.value}', in {where}; keep one.")
                lines[name] = line
            return node

    return Loader
