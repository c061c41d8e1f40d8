"""subcube-materialize, run to make images, and what it tells understood."""

from __future__ import annotations

import json
import logging
import re
from typing import Callable, Iterable

from . import programs

log = logging.getLogger("subcubefs")

PROGRAM = "subcube-materialize"

STATUS_USAGE = 2        # nothing was done
STATUS_NOT_FOUND = 3    # no parts

NOT_FINISHED = "not finished"    # the problem of an image with which nothing was wrong

_MESSAGE = re.compile(r"subcube-materialize: (?P<level>error|warning): (?P<text>.*)", re.DOTALL)


class Run:
    """One run that is to make the images with the paths `images`. made(path) is called for each when it is complete,
    progress(event) as it goes on. Warnings are logged.
    """

    def __init__(self, images: Iterable[str], progress: Callable[[dict], None],
                 made: Callable[[str], None] = lambda path: None):
        self.images = list(images)
        self.progress = progress
        self.made = made
        self.status = None
        self.done: set[str] = set()
        self.reasons: dict[str, str] = {}   # path -> why it was not made
        self.errors: list[str] = []         # what was said, of whatever

    def start(self, arguments: Iterable[str]) -> Run:
        command = [programs.find(PROGRAM), "--json", *arguments]
        self.status = programs.run(command, self._take_event, self._take_message)
        return self

    def failures(self) -> dict[str, str]:
        """Path -> why, of all that was to be made and was not."""
        if self.status == 0:
            return {}
        why = "; ".join(self.errors)
        if not why:
            how = "was killed by signal %d" % -self.status if self.status < 0 else "ended with status %d" % self.status
            why = "%s %s" % (PROGRAM, how)
        failed = {image: self.reasons.get(image, why) for image in self.images if image not in self.done}
        # Perhaps all are made, and what went wrong came after that: nothing is to be relied on then.
        return failed or {image: why for image in self.images}

    def _take_event(self, line: str) -> None:
        event = json.loads(line)
        kind = event["event"]
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
        path = image["path"]
        if image["status"] == "done":
            if path not in self.done:
                self.done.add(path)
                self.made(path)
        elif image["problem"] != NOT_FINISHED:
            problem = image["problem"]
            self.reasons[path] = problem[len(path):].lstrip(": ") if problem.startswith(path) else problem

    def _take_message(self, line: str) -> None:
        found = _MESSAGE.fullmatch(line)
        level, text = found.group("level", "text") if found else ("error", line)
        if level == "warning":
            log.warning("%s", text)
        else:
            self.errors.append(text)
