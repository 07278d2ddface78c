"""Which file systems tell of changes, and which have to be asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mount", "must_poll", "read_mounts"]

_MOUNTS = Path("/proc/self/mounts")
# What another computer changes in them, this kernel does not hear of.
_REMOTE = frozenset(
    [
        "9p",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    ]
)
# Of the kinds of FUSE, those whose files lie on this computer.
_LOCAL_FUSE = frozenset({"fuse.portal", "fuse.gocryptfs", "fuse.encfs", "fuse.mergerfs"})
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, and of which type, such as "ext4" or "nfs4"."""

    folder: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether others may change its files without this computer being told."""
        if self.kind.startswith("fuse."):
            return self.kind not in _LOCAL_FUSE
        return self.kind in _REMOTE


def read_mounts(table: str | None = None) -> tuple[Mount, ...]:
    """What is mounted, in the order of mounting; nothing on systems without ``/proc``.

    Parameters
    ----------
    table : the text of ``/proc/self/mounts``; by default it is read.
    """
    if table is None:
        try:
            table = os.fsdecode(_MOUNTS.read_bytes())
        except OSError:
            return ()
    found = []
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) >= 3:
            # The kernel writes blanks and backslashes by their bytes.
            raw = _ESCAPE.sub(lambda code: chr(int(code[1], 8)), fields[1])
            found.append(Mount(raw, fields[2]))
    return tuple(found)


def must_poll(folder: str, mounts: Iterable[Mount]) -> str | None:
    """The type of a remote file system that a folder lies in, or that lies below it; or None.

    Parameters
    ----------
    folder : absolute, without links.
    """
    own: Mount | None = None
    for mount in mounts:
        if _is_under(folder, mount.folder):
            # Of several at one place, the last covers the others.
            if own is None or len(mount.folder) >= len(own.folder):
                own = mount
        elif mount.is_remote and _is_under(mount.folder, folder):
            return mount.kind
    return own.kind if own is not None and own.is_remote else None


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
