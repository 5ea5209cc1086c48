"""How a posted file is told in OpenAPI: its body is read as a stream, so that no parameter says it."""

from collections.abc import Sequence
from typing import Any


def file_form(
    file: dict[str, Any] | None = None, fields: dict[str, Any] | None = None, required: Sequence[str] = ()
) -> dict[str, Any]:
    """For `openapi_extra`: a multipart form of `fields` (JSON schemas by name) and then one file, always required."""
    sent = {"type": "string", "format": "binary", **(file or {})}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {**(fields or {}), "file": sent},
                        "required": [*required, "file"],
                        "additionalProperties": False,
                    }
                }
            },
        }
    }
