"""Poles by the hundred in one process, on the real wire, for benchmarks.

A light node is the node itself: `players.node.agent.Agent` with its link, signatures, state, fetching and clips, its
own credential at the broker and its own pairing. Light is only what would be measured instead of the server: its
output is the event loop's time instead of an audio thread (`output`), its state lies in memory instead of on a disk
that is waited for (`node`), its MQTT is without the layers of a general client (`wire`), and what is done in threads
elsewhere is done at once (`loop`). Every node checks every signature and every clip's hash by itself. All nodes of a
process share one HTTP client, and decode equal bytes once.

`python -m tests.light` runs them as a process of their own, so that whoever measures the server is not slowed by them.
"""
