"""A program, not a module: `unlet` with arguments, as an ordinary user.

    python as_user.py UID GID [ARGUMENT…]

What it needs is imported first: the interpreter may lie where only root gets in.
"""

import ctypes
import os
import sys
from importlib import import_module

PR_SET_DUMPABLE = 4

if __name__ == "__main__":
    uid, gid = map(int, sys.argv[1:3])
    commands = import_module("toolkit.cli.commands")
    import_module("toolkit.cli.doctor")
    import_module("difflib")
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # As if it had been started by that user: else its own /proc/self belongs to root.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    sys.exit(commands.run(sys.argv[3:]))
