"""How far a run has come, shown on a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Callable, Dict, Iterator, Union

# Called at the start, some times a second, and at the end, with 'phase', 'seconds', 'bytes_done', 'bytes_total',
# 'bytes_per_second' and 'seconds_left' (None: not yet known), 'images'. None: a bar where that is possible; False: nothing.
Progress = Union[Callable[[Dict[str, Any]], None], None, bool]


@contextlib.contextmanager
def following(progress: Progress) -> Iterator[Callable[[dict], None]]:
    """Gives the function to call with each event."""
    if callable(progress):
        yield progress
        return
    tqdm = None if progress is False else _tqdm()
    if tqdm is None:
        yield lambda event: None
        return
    with contextlib.closing(_Bar(tqdm)) as bar:
        yield bar.show


def _tqdm():
    """None: it is not there, or nobody would see it."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


class _Bar:
    """A bar of tqdm's that appears with the first event."""

    def __init__(self, tqdm):
        self.tqdm = tqdm
        self.bar = None

    def show(self, event: dict) -> None:
        if self.bar is None:
            self.bar = self.tqdm(unit="B", unit_scale=True, file=sys.stderr)
        self.bar.set_description(event["phase"], refresh=False)
        self.bar.total = event["bytes_total"]
        self.bar.n = event["bytes_done"]
        self.bar.refresh()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
