"""subcube-materialize, run to make images, and what it says understood."""

from __future__ import annotations

import logging
import re
from typing import Callable, Iterable

from . import programs

log = logging.getLogger("subcubefs")

PROGRAM = "subcube-materialize"

STATUS_USAGE = 2        # nothing was done
STATUS_NOT_FOUND = 3    # no parts

_DONE = re.compile(r"(?P<image>.*): done, [^/]*", re.DOTALL)
_MESSAGE = re.compile(r"subcube-materialize: (?P<level>error|warning): (?P<text>.*)", re.DOTALL)


class Run:
    """One run that is to make the images with the paths `images`; made(path) is called for each when it is complete.
    Warnings are logged.
    """

    def __init__(self, images: Iterable[str], made: Callable[[str], None] = lambda path: None):
        self.images = list(images)
        self.made = made
        self.status = None
        self.done: set[str] = set()
        self.reasons: dict[str, str] = {}   # path -> why it was not made
        self.general: list[str] = []        # what was said of no image in particular

    def start(self, arguments: Iterable[str]) -> Run:
        command = [programs.find(PROGRAM), *arguments]
        self.status = programs.run(command, self._take_output, self._take_message)
        return self

    def failures(self) -> dict[str, str]:
        """Path -> why, of all that was to be made and was not."""
        if self.status == 0:
            return {}
        why = "; ".join(self.general)
        if not why:
            how = "was killed by signal %d" % -self.status if self.status < 0 else "ended with status %d" % self.status
            why = "%s %s" % (PROGRAM, how)
        failed = {image: self.reasons.get(image, why) for image in self.images if image not in self.done}
        # Perhaps all are made, and what went wrong came after that: nothing is to be relied on then.
        return failed or {image: why for image in self.images}

    def _take_output(self, line: str) -> None:
        found = _DONE.fullmatch(line)
        if found and found.group("image") in self.images:
            self.done.add(found.group("image"))
            self.made(found.group("image"))

    def _take_message(self, line: str) -> None:
        found = _MESSAGE.fullmatch(line)
        level, text = found.group("level", "text") if found else ("error", line)
        if level == "warning":
            log.warning("%s", text)
            return
        for image in self.images:
            # "IMAGE: why", "IMAGE exists and ..."; cube.image is not cube.image.pbcor.
            if text.startswith((image + ": ", image + " ")):
                self.reasons[image] = text[len(image):].lstrip(": ")
                return
        self.general.append(text)
