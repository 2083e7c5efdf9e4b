"""Becomes the server: `python -I -S become.py PARENT UID GID PROGRAM ARGUMENT...`.

Between fork and exec of a process with threads no Python may run safely, so these steps have a
process of their own. Only the standard library is needed, and the program is found by its path.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, uid: int, gid: int, command: list[str]) -> None:
    """Drop root, ask to be ended with the parent, run the program."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid, which clears the request. SIGINT is PostgreSQL's fast shutdown.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
