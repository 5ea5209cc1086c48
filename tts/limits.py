"""Bounds that a process puts on itself before it touches what a stranger sent; the processes it starts inherit them."""

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NICENESS = 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one job may use."""

    memory_bytes: int
    """Address space of each process."""
    cpu_s: int
    """Seconds of processor time of each process."""
    file_bytes: int
    """Longest file that is written."""


def confine(bounds: Bounds) -> None:
    """Take the bounds for good, give way to others at the processor, and die with the parent."""
    _die_with_parent()
    os.nice(_NICENESS)
    for kind, most in (
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _die_with_parent() -> None:
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGKILL)), (_PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
            sys.exit(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent is gone already")
