"""Which version of this package is installed."""

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """The version of this package, as installed."""
    try:
        return version("loalang")
    except PackageNotFoundError:
        return "unknown"
