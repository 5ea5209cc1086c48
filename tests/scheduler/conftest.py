from tests.broadcast.conftest import house, house_engine, house_file, now, unit

__all__ = ["house", "house_engine", "house_file", "now", "unit"]
