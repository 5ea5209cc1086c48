"""Copy the browser libraries that npm fetched into the folder the server gives out: `python -m web.vendor`.

They are named in `package.json`, locked by digest in `package-lock.json`, not in git, and never loaded from elsewhere.
"""

import shutil
import sys
from pathlib import Path

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx-ext-sse/dist/sse.min.js": "htmx-ext-sse.min.js",
    "leaflet/dist/leaflet.css": "leaflet.css",
    "leaflet/dist/leaflet.js": "leaflet.js",
    "sortablejs/Sortable.min.js": "sortable.min.js",
    "uplot/dist/uPlot.iife.min.js": "uplot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "wavesurfer.js/dist/wavesurfer.esm.js": "wavesurfer.esm.js",
    "wavesurfer.js/dist/plugins/regions.esm.js": "wavesurfer-regions.esm.js",
}
"""Where a file stands below `node_modules`, and its name below `web/static/vendor`."""
TARGET = Path(__file__).parent / "static" / "vendor"


def copy_libraries(node_modules: Path, target: Path) -> list[Path]:
    """Copy every library file and give the copies; the folder is made when it is missing.

    Raises:
        FileNotFoundError: npm has not fetched a library; nothing was copied.
    """
    for source in FILES:
        if not (node_modules / source).is_file():
            raise FileNotFoundError(node_modules / source)
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(node_modules / source, target / name)) for source, name in FILES.items()]


def main() -> int:
    """Copy from the project's `node_modules`; 0 when all libraries are there."""
    try:
        copies = copy_libraries(Path(__file__).parent.parent / "node_modules", TARGET)
    except FileNotFoundError as error:
        sys.stderr.write(f"{error} is not there: run `npm ci` first\n")
        return 1
    sys.stdout.write(f"copied {len(copies)} files to {TARGET}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
