"""The demo: a whole commune on one machine, in real processes: one server and some player nodes.

`plan` says which poles there are, `processes` starts and stops them, `commune` seeds the data, `client` speaks the API
as the officer and the leader would, `show` tells the terminal what each pole does, `once` leaves what they sounded.
"""
