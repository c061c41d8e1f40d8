"""subcube-materialize, run to make images, and what it tells understood."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import Callable, Iterable

from . import programs

log = logging.getLogger("subcubefs")

PROGRAM = "subcube-materialize"

STATUS_USAGE = 2        # nothing was done
STATUS_NOT_FOUND = 3    # no parts

# With these it makes no images, others, or none that it tells of.
SENSELESS = ("--output", "-o", "--ext", "-e", "--images", "--list", "--dry-run", "--resume", "--undo", "--help", "-?", "--usage",
             "--version", "-V")

NOT_FINISHED = "not finished"    # the problem of an image with which nothing was wrong

_MESSAGE = re.compile(r"subcube-materialize: (?P<level>error|warning): (?P<text>.*)", re.DOTALL)


class Run:
    """One run that is to make the images with the paths `images`. made(path) is called for each when it is complete,
    progress(event) as it goes on. Warnings are logged.
    """

    def __init__(self, images: Iterable[str], progress: Callable[[dict], None],
                 made: Callable[[str], None] = lambda path: None):
        self.images = {_as_told(image): image for image in images}
        self.progress = progress
        self.made = made
        self.status = None
        self.done: set[str] = set()
        self.reasons: dict[str, str] = {}   # path -> why it was not made
        self.errors: list[str] = []         # what was said, of whatever
        self.strange = ""                   # the first of what was told and not understood

    def start(self, arguments: Iterable[str]) -> Run:
        command = [programs.find(PROGRAM), "--json", *arguments]
        self.status = programs.run(command, self._take_event, self._take_message)
        return self

    def failures(self) -> dict[str, str]:
        """Path -> why, of all that was to be made and was not."""
        images = self.images.values()
        if self.status == 0 and self.done.issuperset(images):
            return {}
        why = "; ".join(self.errors)
        if not why:
            how = "was killed by signal %d" % -self.status if self.status < 0 else "ended with status %d" % self.status
            said = " and told of something else: %s" % self.strange if self.strange else ""
            why = "%s %s%s" % (PROGRAM, how, said)
        failed = {image: self.reasons.get(image, why) for image in images if image not in self.done}
        # Perhaps all are made, and what went wrong came after that: nothing is to be relied on then.
        return failed or {image: why for image in images}

    def _take_event(self, line: str) -> None:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, TypeError, KeyError):
            self.strange = self.strange or line
            return
        if kind == "image":
            self._take_image(event)
        elif kind == "progress":
            self.progress(event)
        elif kind == "start":
            self.progress(dict(event, phase="starting", seconds=0.0, bytes_done=0, bytes_total=event["bytes"],
                               bytes_per_second=None, seconds_left=None))
        elif kind == "summary":
            for image in event["images"]:
                self._take_image(image)
            # A short run tells nothing between its start and its end.
            self.progress(dict(event, phase="done", bytes_done=event["bytes"], bytes_total=event["bytes"],
                               bytes_per_second=None, seconds_left=0.0))

    def _take_image(self, image: dict) -> None:
        told, problem = image["path"], image["problem"]
        path = self.images.get(told)
        if path is None:
            self.strange = self.strange or told
            return
        if image["status"] == "done":
            if path not in self.done:
                self.done.add(path)
                self.made(path)
        elif problem != NOT_FINISHED:
            self.reasons[path] = problem[len(told):].lstrip(": ") if problem.startswith(told) else problem

    def _take_message(self, line: str) -> None:
        found = _MESSAGE.fullmatch(line)
        level, text = found.group("level", "text") if found else ("error", line)
        if level == "warning":
            log.warning("%s", text)
        else:
            self.errors.append(text)


def _as_told(path: str) -> str:
    """How the program tells a path: when it is no UTF-8, all its bytes beyond ASCII as \\xNN."""
    encoded = os.fsencode(path)
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else "\\x%02x" % byte for byte in encoded)
