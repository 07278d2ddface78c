"""SFTP as OpenSSH has it: host keys that are known, names and keys from ``~/.ssh``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

__all__ = ["connect"]

_TIMEOUT_S = 30.0


class UnknownHostKey(paramiko.SSHException):  # type: ignore[misc]
    """The key of a server is not among those that the user knows."""


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        raise UnknownHostKey(
            f"the host key of {hostname} is not known: connect to it once with ssh, and compare it"
        )


class _Sftp(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's own takes any host key, and reads no configuration."""

    cachable = False

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(_Refuse())
        self.client.connect(self.host, timeout=_TIMEOUT_S, **self.ssh_kwargs)
        self.ftp = self.client.open_sftp()
        self.ftp.get_channel().settimeout(_TIMEOUT_S)


def connect(place: SplitResult) -> Any:
    """A file system on the server of an address, by ``~/.ssh/config``, ``known_hosts`` and keys.

    Raises
    ------
    Exception : of paramiko, or OSError: it cannot be reached, or does not let the user in.
    """
    file = Path(os.path.expanduser("~/.ssh/config"))
    config = paramiko.SSHConfig.from_path(file) if file.is_file() else paramiko.SSHConfig()
    known = config.lookup(place.hostname or "")
    options: dict[str, Any] = {
        "port": place.port or int(known.get("port", 22)),
        "username": place.username or known.get("user"),
        "key_filename": known.get("identityfile"),
    }
    return _Sftp(known["hostname"], **{name: each for name, each in options.items() if each})
