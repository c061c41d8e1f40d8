"""casacore's side of a comparison: one operation, timed without the start of Python and its imports.

Standard input is a JSON list: operation, paths. The last line of standard output is what was measured.
"""

import hashlib
import json
import sys
import time

import numpy
from casacore.images import image

SPECTRAL_AXIS = 3
PLANES = 20


def memory(field):
    """VmHWM, the peak so far, or VmRSS."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith(field))


def concat(paths):
    return image(paths, axis=SPECTRAL_AXIS)


def planes(opened):
    """Every so many channels one, PLANES in all."""
    nchan = opened.shape()[0]
    corner = [n - 1 for n in opened.shape()[1:]]
    return numpy.array([opened.getdata([c, 0, 0, 0], [c] + corner)
                        for c in range(0, nchan, max(1, nchan // PLANES))])


def spectrum(opened):
    nchan, _, ny, nx = opened.shape()
    return opened.getdata([0, 0, ny // 2, nx // 2], [nchan - 1, 0, ny // 2, nx // 2])


def statistics(opened):
    found = opened.statistics()
    return numpy.array([found["rms"][0], found["max"][0]])


READS = {
    "planes": planes,
    "spectrum": spectrum,
    "statistics": statistics,
    "whole": lambda opened: opened.getdata(),
}


def measure(operation, paths):
    before = memory("VmHWM")
    start = time.monotonic()
    if operation in READS:
        opened = image(paths[0])
        start = time.monotonic()
        values = READS[operation](opened)
        seconds = time.monotonic() - start
        return {"seconds": seconds, "sum": float(numpy.abs(values).sum(dtype="f8"))}
    if operation == "digest":
        opened = image(paths[0])
        return {"digest": hashlib.sha256(opened.getdata().tobytes() + opened.getmask().tobytes()).hexdigest()}
    if operation == "open":
        shape = image(paths[0]).shape()
    elif operation == "concat":
        shape = concat(paths).shape()
    elif operation == "concat-paged":
        opened = concat(paths[1:])
        opened.saveas(paths[0])
        shape = opened.shape()
    else:
        raise ValueError(operation)
    return {"seconds": time.monotonic() - start, "shape": list(shape), "peak": memory("VmHWM"), "before": before}


def main():
    operation, *paths = json.load(sys.stdin)
    print(json.dumps(measure(operation, paths)))


if __name__ == "__main__":
    main()
