"""Concatenation of subcubes, called as pclean calls it (pclean.utils.image_concat), by one run of subcube-materialize."""

from __future__ import annotations

import logging
import operator
import os
import re
import time
import warnings
from typing import Callable, Iterable, Mapping

from . import programs
from .materializer import SENSELESS, STATUS_USAGE, Run
from .progress import Progress, following

log = logging.getLogger("subcubefs")

EXTENSIONS = (".image", ".residual", ".psf", ".model", ".pb", ".image.pbcor", ".mask", ".weight", ".sumwt")

# Who calls says that imaging has ended, so nobody has to wait and see whether what was just written is written again.
SETTLED = "--settle=0"


class ConcatError(RuntimeError):
    """Images that were not made; all others are. `failed`: extension (of concat_images: output) -> why."""

    def __init__(self, failed: Mapping[str, str]):
        self.failed = dict(failed)
        super().__init__("; ".join("%s: %s" % item for item in self.failed.items()))

    def __reduce__(self):
        return type(self), (self.failed,)


def concat_images(
    outimage: str,
    inimages: Iterable[str],
    axis: int = -1,
    relax: bool = True,
    overwrite: bool = True,
    mode: str = "paged",
    *,
    progress: Progress = None,
    options: Iterable[str] = (),
) -> None:
    """Concatenates the images `inimages`, in this order, into `outimage`.

    Args:
        outimage: The image to make.
        inimages: The images to concatenate; the path of one in place of a list is that one.
        axis: A pixel axis; less than 0: the spectral axis.
        relax: Whether headers may differ, with a warning.
        overwrite: Whether an image that exists is replaced.
        mode: 'paged', 'nomovevirtual', 'copyvirtual' or 'movevirtual', as for ia.imageconcat.
        progress: A function that is called at the start, some times a second, and at the end, with a dictionary of
            'phase', 'bytes_done', 'bytes_total', 'bytes_per_second', 'seconds_left', ... By default there is a bar
            when tqdm is installed and standard error is a terminal; False: there is none.
        options: A list of more options for subcube-materialize, such as ['--tiling=keep'].

    Raises:
        ConcatError: It was not made.
        TypeError, ValueError: An argument makes no sense. Nothing was done.
    """
    started = time.monotonic()
    options = programs.options_for("concat_images", options, SENSELESS)
    axis = operator.index(axis)
    if isinstance(inimages, (str, bytes, os.PathLike)):
        inimages = [inimages]
    inimages = [os.fsdecode(image) for image in inimages]
    if not inimages:
        raise ValueError("concat_images: no images to concatenate into %s" % outimage)
    # As it will be told.
    outimage = re.sub("(?<=.)/+$", "", os.fsdecode(outimage))
    arguments = [SETTLED, "--images", "-o", outimage, "--mode", mode, "--relax" if relax else "--strict"]
    if axis >= 0:
        arguments += ["--axis", str(axis)]
    if overwrite:
        arguments.append("--overwrite")
    with following(progress) as show:
        failed = Run([outimage], show).start([*arguments, *options, "--", *inimages]).failures()
    if failed:
        raise ConcatError(failed)
    log.info("Concatenated %d images → %s (mode=%s, %.1fs)", len(inimages), _printable(outimage), mode,
             time.monotonic() - started)


def concat_subcubes(
    base_imagename: str,
    nparts: int,
    extensions: Iterable[str] | None = None,
    mode: str = "paged",
    max_workers: int = 4,
    virtual: bool | None = None,
    _pool_cls=None,
    *,
    missing: str = "skip",
    progress: Progress = None,
    options: Iterable[str] = (),
) -> None:
    """Concatenates BASE.subcube.0.EXT, BASE.subcube.1.EXT, ... into BASE.EXT for each extension of which there are parts.

    Images that exist are replaced, each when its successor is complete.

    Args:
        base_imagename: BASE, with its directory.
        nparts: How many parts there should be, at least 1; others are left out.
        extensions: Such as ['.image', '.psf'], or '.image,.psf'; the dot in front may be left out. By default the nine of
            pclean's. Those that there are no parts of are passed over.
        mode: 'paged', 'nomovevirtual', 'copyvirtual' or 'movevirtual', as for ia.imageconcat.
        max_workers: How many processes copy; 0 or less: one for each processor, at most 8.
        virtual: Deprecated. True is mode='nomovevirtual'.
        missing: Missing parts are 'skip'-ped, with a warning, an 'error', or 'blank' channels.
        progress: A function that is called at the start, some times a second, and at the end, with a dictionary of
            'phase', 'bytes_done', 'bytes_total', 'bytes_per_second', 'seconds_left', ... By default there is a bar
            when tqdm is installed and standard error is a terminal; False: there is none.
        options: A list of more options for subcube-materialize, such as ['--tiling=keep'].

    `_pool_cls` is pclean's, and without effect: no pool of Python's does the work.

    Raises:
        ConcatError: Some were not made. The others are, and no part is lost.
        TypeError, ValueError: An argument makes no sense. Nothing was done.
    """
    if virtual is not None:
        warnings.warn("concat_subcubes(virtual=...) is deprecated; use mode='nomovevirtual' or mode='paged' instead.",
                      DeprecationWarning, stacklevel=2)
        if mode == "paged" and virtual:
            mode = "nomovevirtual"
    options = programs.options_for("concat_subcubes", options, SENSELESS)
    base = re.sub("(?<=.)/+$", "", os.fsdecode(base_imagename))
    nparts, max_workers = operator.index(nparts), operator.index(max_workers)
    if nparts < 1:
        raise ValueError("concat_subcubes: nparts is %d, so there is nothing to concatenate" % nparts)
    wanted = list(EXTENSIONS) if extensions is None else _extensions(extensions)
    log.info("Concatenating %d extensions (nparts=%d, mode=%s, max_workers=%d)", len(wanted), nparts, mode, max_workers)
    started = time.monotonic()
    counts = _count_parts(base, nparts)
    images = {base + ext: ext for ext in wanted if ext in counts}
    if not images:
        log.warning("No subcube files found for concatenation")
        return

    def made(image):
        log.info("Concatenated %d images → %s (mode=%s, %.1fs)", counts[images[image]], _printable(image), mode,
                 time.monotonic() - started)

    def arguments(extensions):
        return [SETTLED, "--ext", ",".join(extensions), "--nparts", str(nparts), "--mode", mode, "--missing", missing,
                "--jobs", str(max(max_workers, 0)), "--overwrite", *options, "--", base]

    with following(progress) as show:
        failed = _materialize(images, arguments, show, made)
    for ext, reason in failed.items():
        log.warning("Failed to concatenate %s: %s", ext, reason)
    log.info("Concatenation complete: %d/%d extensions in %.1fs", len(images) - len(failed), len(images),
             time.monotonic() - started)
    if failed:
        log.warning("Failed extensions: %s", ", ".join(failed))
        raise ConcatError(failed)


def _extensions(given: Iterable[str]) -> list[str]:
    """With the dot that each begins with."""
    if isinstance(given, str):
        given = given.split(",")
    extensions = []
    for extension in given:
        if not isinstance(extension, str):
            raise TypeError("extensions: texts are expected, such as '.image', not %r" % (extension,))
        name = extension[1:] if extension.startswith(".") else extension
        if not name or "/" in name or "," in name:
            raise ValueError("extensions: expected one such as '.image', not %r" % extension)
        extensions.append("." + name)
    return extensions


def _printable(path: str) -> str:
    """Names may have bytes that are no UTF-8; no log takes them as they are."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _count_parts(base: str, nparts: int) -> dict[str, int]:
    """Extension -> how many of its parts numbered below `nparts` are there. The directory is read once."""
    directory, name = os.path.split(base)
    part = re.compile(re.escape(name) + r"\.subcube\.(0|[1-9][0-9]*)(\..+)", re.DOTALL)
    counts: dict[str, int] = {}
    try:
        entries = os.listdir(directory or ".")
    except FileNotFoundError:
        entries = []
    for entry in entries:
        found = part.fullmatch(entry)
        if found and int(found.group(1)) < nparts:
            counts[found.group(2)] = counts.get(found.group(2), 0) + 1
    return counts


def _materialize(images: Mapping[str, str], arguments: Callable[[list[str]], list[str]], progress, made) -> dict[str, str]:
    """Has `images` made, path -> what the caller calls it; arguments(of those names) is the command line. Returns those
    that failed: what the caller calls it -> why.
    """
    failed: dict[str, str] = {}
    left = dict(images)
    while left:
        run = Run(left, progress, made).start(arguments(list(left.values())))
        refused = run.status == STATUS_USAGE and len(run.reasons) < len(left) and run.reasons
        # Nothing was done because of some: once more without them.
        for image, why in (refused or run.failures()).items():
            failed[left.pop(image)] = why
        if not refused:
            break
    return failed
