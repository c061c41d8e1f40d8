"""What families of subcubes there are."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Iterable

from . import programs
from .materializer import PROGRAM, STATUS_NOT_FOUND


# With these it lists nothing.
SENSELESS = ("--images", "--dry-run", "--resume", "--undo", "--help", "-?", "--usage", "--version", "-V")


class SourceError(OSError):
    """It cannot be listed; says why."""


def families(source: str, *, options: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The families of subcubes in `source`, a directory, or DIR/BASE: one dictionary for each image that a mount shows,
    with the keys that subcubefs-formats(5) tells ('name', 'extension', 'shape', 'channels', 'frequency_hz', 'parts',
    'missing', 'size_bytes', 'problem', ...). Empty: there are none. `options`: a list of more options for
    subcube-materialize, such as ['--nparts=64'].

    Raises:
        SourceError: It cannot be listed. An image that cannot be read has a 'problem' instead.
        TypeError, ValueError: An argument makes no sense.
    """
    options = programs.options_for("families", options, SENSELESS)
    done = subprocess.run([programs.find(PROGRAM), "--list", "--json", *options, "--", os.fsdecode(source)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", errors="backslashreplace")
    if done.returncode == STATUS_NOT_FOUND:
        return []
    if not done.stdout:
        raise SourceError(done.stderr.strip() or "%s ended with status %d" % (PROGRAM, done.returncode))
    try:
        return json.loads(done.stdout)["families"]
    except (ValueError, TypeError, KeyError):
        raise SourceError("%s told of something else: %s" % (PROGRAM, done.stdout.splitlines()[0])) from None
