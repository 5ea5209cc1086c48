"""Run a command on a leash: it dies when its parent dies, even by `kill -9`. Run as a script by `players.child`.

    python -I -S leash.py PARENT UID GID OPEN_FILES COMMAND [ARGUMENT…]      (UID and GID -1: stay who we are)

A small process of its own does this, rather than code between fork and exec, which is not safe in a process with
threads. The order matters: a change of user clears PR_SET_PDEATHSIG (prctl(2)), so the user is changed first; and the
parent may have died before the leash was on, so it is looked for afterwards.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
CANNOT_RUN = 127


def main(arguments: list[str]) -> int:
    """Put the leash on and become the command; returns only when that is not possible."""
    parent, uid, gid, open_files = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    _allow_open_files(open_files)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGKILL)), (_PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
            sys.stderr.write(f"prctl {option}: {os.strerror(ctypes.get_errno())}\n")
            return CANNOT_RUN
    if os.getppid() != parent:
        return CANNOT_RUN
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is what it is for; no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    return CANNOT_RUN


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
