"""Builds ``soundalike.ndp``, the plugin of Navidrome, with Zig's C compiler (extra ``navidrome``).

python navidrome/build.py [FILE]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
_FLAGS = [
    *("-target", "wasm32-freestanding", "-nostdlib", "-Os", "-std=c11", "-fno-builtin"),
    *("-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-Wl,--strip-all"),
]
# Zip has no time before, and the same sources give the same file.
_TIME = (1980, 1, 1, 0, 0, 0)


def build(target: Path) -> Path:
    """Compile the plugin, and put it into one file with its manifest."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "plugin.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS]
        subprocess.run([*command, "-o", str(module), str(HERE / "plugin.c")], check=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for name, file in (("manifest.json", HERE / "manifest.json"), (module.name, module)):
                package.writestr(zipfile.ZipInfo(name, _TIME), file.read_bytes())
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "soundalike.ndp")))
