"""Checkpoints from the Hugging Face hub: a commit resolved once, and only files that cannot run.

huggingface_hub does the work, so HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.models.files import (
    CONFIG_FILE,
    INDEX_FILE,
    PREPROCESSOR_FILE,
    WEIGHTS_FILE,
    no_weights_message,
    weight_files,
)

_CONFIGURATION = [CONFIG_FILE, PREPROCESSOR_FILE]
_WEIGHTS = [WEIGHTS_FILE, INDEX_FILE, "model-*-of-*.safetensors"]

# The hub's own account that offers safetensors of repositories which have none, as a pull request.
_CONVERSION_AUTHOR = "SFconvertbot"

_UNAUTHORISED = 401

Status = Literal["cached", "reachable", "gated", "offline", "unreachable", "missing"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkpoint's files at one commit, in the local cache."""

    folder: Path
    revision: str


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a checkpoint could be loaded now, and what to do when it could not."""

    status: Status
    detail: str = ""


def fetch(
    hf_id: str, *, revision: str | None = None, locked_revision: str | None = None, weights: bool = True
) -> Snapshot:
    """Get a checkpoint's configuration, and its safetensors if `weights`, at one commit.

    Without a lock, `revision` (a branch, tag or commit; the default branch when None) is resolved to a commit, from the
    cache when the hub cannot be reached. With a lock that very commit is fetched, wherever the hub's branch is by now.

    Raises:
        UsageError: the revision asked for is another commit than the locked one.
        SslAttnError: the hub cannot be reached and nothing is cached, the checkpoint is gated or does not exist, or it
            has no safetensors.
    """
    if locked_revision is not None and revision not in (None, locked_revision):
        asked = _download(hf_id, revision, [CONFIG_FILE]).revision
        if asked != locked_revision:
            message = (
                f"expected {hf_id} at commit {locked_revision}, to which earlier runs are locked, got a request for "
                f"{revision}, which is {asked}; leave the revision out, or give this one a store of its own"
            )
            raise UsageError(message)
    patterns = _CONFIGURATION + (_WEIGHTS if weights else [])
    snapshot = _download(hf_id, locked_revision or revision, patterns)
    if not weights or weight_files(snapshot.folder):
        return snapshot
    if locked_revision is None and revision is None:
        for conversion in _conversions(hf_id):
            snapshot = _download(hf_id, conversion, patterns)
            if weight_files(snapshot.folder):
                return snapshot
    raise SslAttnError(no_weights_message(f"{hf_id} at commit {snapshot.revision}", snapshot.folder))


def _download(hf_id: str, revision: str | None, patterns: list[str]) -> Snapshot:
    try:
        folder = Path(snapshot_download(hf_id, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the hub's client lets its HTTP library's own errors through
        raise SslAttnError(_explanation(hf_id, revision, error)) from error
    return Snapshot(folder, folder.name)


def _conversions(hf_id: str) -> list[str]:
    """Git references of open pull requests in which the hub itself offers safetensors, the newest first."""
    try:
        offers = list(
            HfApi().get_repo_discussions(
                hf_id, author=_CONVERSION_AUTHOR, discussion_type="pull_request", discussion_status="open"
            )
        )
    except Exception:  # an offer that cannot be looked for is no offer
        return []
    known = [offer for offer in offers if offer.author == _CONVERSION_AUTHOR and offer.git_reference]
    return [str(offer.git_reference) for offer in sorted(known, key=lambda offer: offer.num, reverse=True)]


def _explanation(hf_id: str, revision: str | None, error: Exception) -> str:
    what = hf_id if revision is None else f"{hf_id} at {revision}"
    own_copy = "or load a copy of your own with name=path"
    cause = error.__cause__ or error
    match error:
        case GatedRepoError():
            page = f"https://huggingface.co/{hf_id}"
            return f"{hf_id} is gated: accept its licence on {page}, run `hf auth login` and try again, {own_copy}"
        case RevisionNotFoundError():
            return f"{hf_id} has no revision {revision}: choose a branch, tag or commit of the model's page"
        case RepositoryNotFoundError():
            return f"{hf_id} is not on the hub or is private: check its name, run `hf auth login`, {own_copy}"
        case HFValidationError():
            return f"expected a hub id (org/name), got {hf_id!r}: {error}"
        case LocalEntryNotFoundError() if isinstance(cause, OfflineModeIsEnabled):
            return f"{what} is not cached and offline mode is on: unset HF_HUB_OFFLINE to download it once, {own_copy}"
        case LocalEntryNotFoundError():
            remedy = f"check the connection, the proxy and HF_ENDPOINT, {own_copy}"
            return f"{what} is not cached and the hub cannot be reached ({_brief(cause)}): {remedy}"
        case HfHubHTTPError() if error.response.status_code == _UNAUTHORISED:
            return f"the hub refused the token for {hf_id}: run `hf auth login` again, or correct HF_TOKEN"
        case _:
            return f"{what} could not be downloaded ({_brief(cause)}): try again, {own_copy}"


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def availability(hf_id: str, *, timeout: float) -> Availability:
    """Ask whether a checkpoint is cached, and if not whether the hub would give it; nothing is downloaded.

    `timeout` is in seconds.
    """
    try:
        cached = Path(snapshot_download(hf_id, local_files_only=True, allow_patterns=_CONFIGURATION + _WEIGHTS))
        if weight_files(cached):
            return Availability("cached", f"commit {cached.name[:12]}")
    except (LocalEntryNotFoundError, SslAttnError):
        pass
    try:
        metadata = get_hf_file_metadata(hf_hub_url(hf_id, WEIGHTS_FILE), timeout=timeout)
    except OfflineModeIsEnabled:
        return Availability("offline", "not cached, and offline mode is on: unset HF_HUB_OFFLINE, or use name=path")
    except RemoteEntryNotFoundError:
        return Availability("reachable", f"no single {WEIGHTS_FILE}: its shards or a conversion are taken")
    except GatedRepoError as error:
        return Availability("gated", _explanation(hf_id, None, error))
    except RepositoryNotFoundError as error:
        return Availability("missing", _explanation(hf_id, None, error))
    except Exception as error:  # connection errors are the HTTP library's own
        return Availability("unreachable", f"{_brief(error)}; check the connection and HF_ENDPOINT, or use name=path")
    return Availability("reachable", "" if metadata.size is None else f"{metadata.size / 1e6:.0f} MB to download")
