"""From written Vietnamese to clips."""

import os

# onnxruntime reports its use to its maker unless told not to, before it is first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
