"""Repositories of the Hugging Face hub: where one lies in the cache, and fetching what is missing there.

``huggingface_hub`` asks for the address of the hub in ``HF_ENDPOINT``, for the cache in ``HF_HOME`` and for a token in ``HF_TOKEN``
or in what ``hf auth login`` keeps.
"""

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from espnet_tse.io.files import sha256_of
from espnet_tse.io.scp import DataError

# owner/name, of the characters that the hub allows; a revision and a place inside on request.
PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
HUB_ID = re.compile(rf"(?P<repo>{PART}/{PART})(@(?P<revision>[^:@\s]+))?(:(?P<inside>[^:\s]+))?")
SHA256 = re.compile("[0-9a-f]{64}")
# Stands in a packed model card for the place of the model; an upload puts the repository there.
PLACE = "PLACE_OF_THIS_MODEL"
INSTALL = "pip install -e '.[hub]'"


@dataclass(frozen=True)
class HubId:
    """``owner/name[@revision][:path/in/the/repository]``."""

    repo: str
    revision: str | None = None
    inside: str | None = None

    @classmethod
    def parse(cls, text: str) -> "HubId | None":
        """The parts of ``text``; None where it is no id."""
        found = HUB_ID.fullmatch(text)
        if (
            found is None
            or ".." in (found["inside"] or "").split("/")
            or (found["inside"] or "").startswith("/")
        ):
            return None
        return cls(found["repo"], found["revision"], found["inside"])

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return self.repo + revision + (f":{self.inside}" if self.inside else "")


def require_library(purpose: str) -> None:
    """Raise DataError unless ``huggingface_hub`` is installed.

    Args:
        purpose: what wants it, for the message.
    """
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise DataError(f"{purpose}, and the hub needs: {INSTALL}") from None


def download(place: HubId) -> Path:
    """The folder, or the file ``inside``, of a repository in the cache; what is missing there is fetched first.

    A large file that was cut off is continued, and none is put in place before its sha256 is that of the hub. Without
    a network the copy in the cache serves.

    Raises:
        DataError: neither in the cache nor to be fetched; the message says why and what to do.
    """
    require_library(f"'{place}' is no local path")
    from huggingface_hub import snapshot_download

    wanted = None if place.inside is None else [place.inside, f"{place.inside}/*"]
    with told(place):
        reached = fetch_large_files(place, wanted)
        snapshot = Path(snapshot_download(place.repo, revision=place.revision, allow_patterns=wanted))
    if not reached:
        logging.warning(f"'{place}': the hub does not answer; the copy in the cache is used, {snapshot}")
    found = snapshot if place.inside is None else snapshot / place.inside
    if not found.exists():
        raise DataError(
            f"'{place}': the repository {place.repo} has no {place.inside}; its page, or the id without ':', shows what it has."
        )
    return found


def fetch_large_files(place: HubId, patterns: list[str] | None) -> bool:
    """Bring the files that the hub keeps by their sha256 into the cache, where ``snapshot_download`` finds them.

    The library itself begins a file anew that an earlier process left half done; here it goes on.

    Returns:
        whether the hub has answered; whether the cache suffices without it is found out behind this.
    """
    from huggingface_hub import HfApi, constants, errors
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import filter_repo_objects

    try:
        info = HfApi().model_info(place.repo, revision=place.revision, files_metadata=True)
    except (OSError, errors.HTTPError):
        return False
    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=place.repo, repo_type="model") / "blobs"
    files = {file.rfilename: file.lfs for file in info.siblings or [] if file.lfs is not None}
    for name in filter_repo_objects(files, allow_patterns=patterns):
        if not SHA256.fullmatch(files[name].sha256):  # it names a file of the cache
            raise DataError(f"'{place}': the hub gives no sha256 of {name} but '{files[name].sha256}'.")
        blob = blobs / files[name].sha256
        if not blob.exists():
            fetch_blob(place, info.sha, name, files[name].size, blob)
    return True


def fetch_blob(place: HubId, commit: str, name: str, size: int, blob: Path) -> None:
    """Fetch a file, going on where an earlier process stopped, and name it ``blob`` once its sha256 is right.

    Raises:
        DataError: what came is something else; it is removed.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    partial = blob.with_name(f"{blob.name}.partial")
    blob.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(f"{partial}.lock"):
        if blob.exists():  # another process has fetched it meanwhile
            return
        with open(partial, "ab") as file:
            if file.tell() > size:
                file.truncate(0)
            url = hf_hub_url(place.repo, name, revision=commit)
            http_get(
                url,
                file,
                resume_size=file.tell(),
                headers=build_hf_headers(),
                expected_size=size,
                displayed_filename=name,
            )
        digest = sha256_of(partial)
        if digest != blob.name:
            partial.unlink()
            raise DataError(
                f"'{place}': {name} has arrived with sha256 {digest}, and the hub says {blob.name}; it was removed, "
                "fetch it again."
            )
        partial.rename(blob)
    Path(f"{partial}.lock").unlink(missing_ok=True)


@contextmanager
def told(place: HubId) -> Iterator[None]:
    """What the library says of ``place`` as a ``DataError`` with what to do about it."""
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise DataError(
            f"'{place}': its owner asks for consent; give it on {constants.ENDPOINT}/{place.repo}, then `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DataError(
            f"'{place}' is no local path, and {constants.ENDPOINT} has no repository {place.repo} that you may read; fix "
            "the name, or `hf auth login` (or HF_TOKEN) if it is a private one."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(
            f"'{place}': {place.repo} has no revision '{place.revision}'; see its page."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        why = (
            "HF_HUB_OFFLINE forbids to ask it"
            if constants.HF_HUB_OFFLINE
            else f"{constants.ENDPOINT} cannot be reached"
        )
        part = "only in part" if isinstance(error, errors.IncompleteSnapshotError) else "not"
        raise DataError(
            f"'{place}' is no local path, is {part} in the cache ({constants.HF_HUB_CACHE}), and {why}. Fetch it where there "
            f"is a network (hf download {place.repo}), or give the folder or the archive of a copy."
        ) from error
    except DataError:
        raise
    except (OSError, ValueError, errors.HTTPError) as error:
        raise DataError(
            f"'{place}' is no local path and could not be fetched: {first_line(error)} What has arrived is kept; run the same "
            "command again to go on."
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, without the lines of explanation behind it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
