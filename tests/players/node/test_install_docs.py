from pathlib import Path

from players.node.settings import NodeSettings

PAGE = Path(__file__).parents[3] / "docs" / "node-install.md"


def test_every_setting_of_a_node_is_documented_and_no_other() -> None:
    named = {line.split("`")[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")}
    known = {
        f"{section}.{key}"
        for section, kind in NodeSettings.model_fields.items()
        if kind.annotation is not None
        for key in kind.annotation.model_fields
    }
    assert named == known
