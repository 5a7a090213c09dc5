"""A packed system -> a repository of the Hugging Face hub, in one commit."""

import logging
import tempfile
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.hub import PLACE, HubId, first_line, require_library
from espnet_tse.tasks.locations import located

KEPT = (".gitattributes",)  # of the hub itself


def upload(archive: Path, repo: str, private: bool = False) -> str:
    """Make the files of ``archive`` those of the repository ``repo``, which is made if it is not there.

    All in one commit: whoever downloads meanwhile gets the earlier state or the new one. Files of an earlier system
    that this one does not have are removed.

    Args:
        archive: of ``espnet-tse pack``.
        repo: ``owner/name``.
        private: of a repository that is made; an existing one stays what it is.
    Returns:
        the address of the commit.
    Raises:
        DataError: no packed system, no such id, no right to write, or no way to the hub.
    """
    place = HubId.parse(repo)
    if place is None or place.revision or place.inside:
        raise DataError(f"--repo {repo}: want the id of a repository, owner/name, as on its page.")
    if archive.suffix != ".zip":
        raise DataError(f"{archive}: want an archive of espnet-tse pack (.zip).")
    require_library(f"{archive} goes to the hub")
    with located(archive) as folder, tempfile.TemporaryDirectory() as scratch:
        files = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        lacking = [name for name in ("README.md", "config.yaml", "manifest.json") if name not in files]
        if lacking:
            raise DataError(f"{archive}: lacks {', '.join(lacking)}; pack the system again (stage 12).")
        card = Path(scratch) / "README.md"
        card.write_text(files["README.md"].read_text(encoding="utf-8").replace(PLACE, repo), encoding="utf-8")
        return commit(repo, {**files, "README.md": card}, private)


def commit(repo: str, files: dict[str, Path], private: bool) -> str:
    """Upload ``files``, name -> path, and remove all others; the address of the commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, errors

    api, endpoint = HfApi(), constants.ENDPOINT
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        there = set(api.list_repo_files(repo)) - {*files, *KEPT}
        added = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
        removed = [CommitOperationDelete(name) for name in sorted(there)]
        made = api.create_commit(repo, [*added, *removed], commit_message="A packed system of espnet_tse")
    except errors.OfflineModeIsEnabled as error:
        raise DataError(f"{repo}: HF_HUB_OFFLINE forbids to ask the hub; unset it to upload.") from error
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        if code in (401, 403, 404):
            raise DataError(
                f"{repo}: {endpoint} does not let you write there ({code}); `hf auth login` with a token that may write, or set "
                "HF_TOKEN to one, and see that the owner is you or an organisation of yours."
            ) from error
        raise DataError(
            f"{repo}: {endpoint} has refused ({code}): {first_line(error)}; nothing was changed there."
        ) from error
    except (OSError, errors.HTTPError, ValueError) as error:
        raise DataError(
            f"{repo}: {endpoint} cannot be reached or has broken off ({first_line(error)}); nothing was changed there, run the "
            "same command again."
        ) from error
    logging.info(f"{repo}: {len(added)} files, {len(removed)} earlier ones removed: {made.commit_url}")
    return made.commit_url
