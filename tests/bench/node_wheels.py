"""`make node-wheels`: whether a 64-bit ARM board finds a wheel for everything that a pole needs; builds nothing.

Asks the package index of this machine's pip by `pip download`; the files go to a scratch folder.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
"""Debian 12 and Raspberry Pi OS of that year have glibc 2.36."""
PYTHON = "3.11"
EXTRAS = ("node", "gpio")


def requirements() -> list[str]:
    """What `pip install loalang[node,gpio]` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *(name for extra in EXTRAS for name in project["optional-dependencies"][extra])]


def main() -> int:
    """Download, list, and say whether all were there."""
    with tempfile.TemporaryDirectory() as folder:
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", *platforms]
        command += ["--python-version", PYTHON, "--only-binary=:all:", "-d", folder]
        command += ["-c", str(ROOT / "constraints.txt"), *requirements()]
        done = subprocess.run(command, check=False)
        if done.returncode == 0:
            sys.stdout.write("\n".join(sorted(path.name for path in Path(folder).iterdir())) + "\n")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
