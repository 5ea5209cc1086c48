"""The parts of `tests.bench.bench_emergency`."""
