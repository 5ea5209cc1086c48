"""Which version of this package is installed."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1)
def software_version() -> str:
    """The version of this package, as it was installed when first asked: each heartbeat says it."""
    try:
        return version("loalang")
    except PackageNotFoundError:
        return "unknown"
