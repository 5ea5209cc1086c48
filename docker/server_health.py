"""Whether this container's server answers: exit status 0 or 1, and why not on stderr."""

import ssl
import sys
from urllib.error import URLError
from urllib.request import urlopen

from web.settings import load_settings

TIMEOUT_S = 4.0


def main() -> int:
    """Ask our own process, where its settings say that it listens."""
    http = load_settings().http
    speaks_tls = http.tls_cert is not None or http.uses_own_ca
    # Its certificate names the office's address, not this one, and nothing secret is sent or believed.
    context = ssl._create_unverified_context() if speaks_tls else None  # noqa: S323, SLF001
    address = f"{'https' if speaks_tls else 'http'}://127.0.0.1:{http.port}/api/health"
    try:
        with urlopen(address, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except (URLError, TimeoutError, ConnectionError) as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
