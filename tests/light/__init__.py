"""Poles by the hundred in one process, on the real wire, for benchmarks.

A light node is the node itself: `players.node.agent.Agent` with its link, signatures, state, fetching and clips, its
own credential at the broker and its own pairing. Light are only the two things that would be measured instead of the
server: its output is the event loop's time instead of an audio thread (`output`), and its state is an SQLite database
in memory instead of one that waits for a disk (`node`). All nodes of a process share one HTTP client.

`python -m tests.light` runs them as a process of their own, so that whoever measures the server is not slowed by them.
"""
