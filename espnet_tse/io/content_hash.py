"""What a recording holds, as a hash."""

import hashlib

from espnet_tse.io.audio_entry import AudioError, file_of, is_plain_file, read_blocks


def content_hash(entry: str) -> str:
    """Of a file that of its bytes, of an entry of an archive that of its samples, or of its text where there is none."""
    file = file_of(entry)
    if not file.is_file():  # told where it is read
        return hashlib.sha256(entry.encode("utf-8")).hexdigest()
    if is_plain_file(entry):
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "blake2b").hexdigest()
    content = hashlib.blake2b(entry.encode("utf-8"))
    try:
        for block in read_blocks(entry):
            content.update(block.tobytes())
    except AudioError:  # an embedding
        content.update(str(file.stat().st_size).encode("ascii"))
    return content.hexdigest()
