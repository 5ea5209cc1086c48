"""What the process that opens strangers' files may not do, set by itself before it opens one.

It dies with its parent; its memory, processor time and files are bounded; it cannot reach the network, nor can what it
starts. The numbers are Linux's (prctl(2), seccomp(2), linux/audit.h); on another processor only the filter is missing.
"""

import ctypes
import os
import platform
import resource
import signal
import socket
import struct

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_FILTER_MODE = 2
_MOST_WRITTEN = 300_000_000
_MOST_OPEN = 256
_LOW_PRIORITY = 10

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 13  # EACCES
_LOAD, _IF_EQUAL, _IF_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_NUMBER, _AT_PROCESSOR, _AT_FIRST_ARGUMENT = 0, 4, 16
_IO_URING_SETUP = 425
_X32 = 0x40000000
_PROCESSORS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "armv7l": (0x40000028, 281)}
"""The kernel's name of the processor, and the number of its `socket` call."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def confine(parent: int, *, memory_mb: int, time_s: float) -> None:
    """Put this process, and all it will start, under these limits.

    Raises:
        OSError: a limit cannot be set, or the parent is gone.
    """
    for limit, most in (
        (resource.RLIMIT_AS, memory_mb * 1_000_000),
        (resource.RLIMIT_CPU, int(time_s) + 5),
        (resource.RLIMIT_FSIZE, _MOST_WRITTEN),
        (resource.RLIMIT_NOFILE, _MOST_OPEN),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (allowed, allowed))
    os.nice(_LOW_PRIORITY)
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, int(signal.SIGKILL))
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent has ended")
    if platform.machine() in _PROCESSORS:
        steps = _no_network(*_PROCESSORS[platform.machine()])
        program = _Program(len(steps) // 8, steps)
        _prctl(libc, _PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program))


def _prctl(libc: ctypes.CDLL, option: int, value: int, argument: object = 0) -> None:
    if libc.prctl(option, ctypes.c_ulong(value), argument, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _no_network(processor: int, socket_call: int) -> bytes:
    """A filter for the kernel: no sockets but local ones; no other processor's calls, nor a way around by io_uring."""
    steps = (
        (_LOAD, 0, 0, _AT_PROCESSOR),
        (_IF_EQUAL, 0, 7, processor),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_IF_LEAST, 5, 0, _X32),
        (_IF_EQUAL, 4, 0, _IO_URING_SETUP),
        (_IF_EQUAL, 0, 2, socket_call),
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_IF_EQUAL, 0, 1, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
