"""The programs, run as children that never outlive the call."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import threading
from typing import Callable, Iterable, Iterator


def find(name: str) -> str:
    """The path of a program; FileNotFoundError says what to do."""
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(errno.ENOENT, "program of subcubefs not found: install it, or add its directory to PATH",
                                name)
    return path


def options_for(function: str, options: Iterable[str], senseless: Iterable[str]) -> list[str]:
    """The `options` of a caller of `function` as a list. TypeError: they are none. ValueError: one is among `senseless`, with
    which the program does something else than what `function` is for. Long options may be cut short, as for the program.
    """
    if isinstance(options, (str, bytes, os.PathLike)):
        raise TypeError("options: a list is expected, such as ['--tiling=keep'], not %r" % (options,))
    given = [os.fsdecode(option) for option in options]
    for option in given:
        name = option.split("=")[0] if option.startswith("--") else option[:2]
        if name.startswith("-") and name != "-" and any(other.startswith(name) for other in senseless):
            raise ValueError("options: %r is not for %s; call the program itself" % (option, function))
    return given


def run(command: list[str], on_output: Callable[[str], None], on_message: Callable[[str], None]) -> int:
    """Runs `command` to its end. Each line of its standard output goes to `on_output`, each of its standard error, from
    another thread, to `on_message`. Returns the exit status, negative for a signal. When the caller is interrupted, or a
    function of his raises, the program is stopped first, which removes what it had not completed.
    """
    with started(command, _stop, stderr=subprocess.PIPE, universal_newlines=True, encoding="utf-8",
                 errors="backslashreplace") as child:
        messages = threading.Thread(target=_all_messages, args=(child.stderr, on_message), daemon=True)
        messages.start()
        _each_line(child.stdout, on_output)
        messages.join()
        return child.wait()


@contextlib.contextmanager
def started(command: list[str], stop: Callable[[subprocess.Popen], None], **more) -> Iterator[subprocess.Popen]:
    """A child whose standard output is a pipe, and which `stop` ends when the block does not get to its end."""
    child = None
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more)
        yield child
    except BaseException:
        if child:
            stop(child)
        raise
    child.stdout.close()


def _each_line(stream, function: Callable[[str], None]) -> None:
    for line in stream:
        function(line.rstrip("\n"))


def _all_messages(stream, function: Callable[[str], None]) -> None:
    with stream:
        _each_line(stream, function)


def _stop(child: subprocess.Popen) -> None:
    """Ends a child in order. It may be cleaning up after a signal that the terminal sent to both. SIGINT itself may be ignored."""
    if child.poll() is None:
        child.terminate()
    # A program that writes to what nobody reads would never end.
    for line in child.stdout:
        pass
    child.wait()
