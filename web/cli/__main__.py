"""`python -m web.cli` is `loalang`."""

import sys

from web.cli import main

sys.exit(main())
