"""What a result depends on besides its config: versions, machine, cores."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from soundalike import __version__

__all__ = ["describe_environment"]

_PACKAGES = ("numpy", "torch", "scikit-learn", "onnxruntime", "av", "librosa", "matplotlib")


def describe_environment() -> dict[str, str]:
    """Names and values; packages that are not installed are left out."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "soundalike": __version__,
        "python": platform.python_version(),
        **versions,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
    }


def _processor() -> str:
    """The processor's name; on Linux, platform does not know it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
