"""What operating systems leave in the folders of a corpus that was copied."""

from pathlib import Path


def leave_system_files(root: Path) -> None:
    """``._x`` beside each file x and ``.DS_Store``, as macOS does, and Windows's ``Thumbs.db``, in all folders."""
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            (path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
            (path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        else:
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
