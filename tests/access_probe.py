"""Run as some user: which of the files named on standard input (JSON: key -> list of paths) can be read, all of a list."""

import json
import sys


def can_read(path):
    try:
        with open(path, "rb") as stream:
            stream.read(1)
    except OSError:
        return False
    return True


json.dump({key: all(can_read(path) for path in paths) for key, paths in json.load(sys.stdin).items()}, sys.stdout)
