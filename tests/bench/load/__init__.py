"""The parts of `make bench-load`: browsers, people at work, memory, and the figures that follow from the evidence."""
