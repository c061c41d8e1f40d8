"""Real CASA's side of a comparison, run by $CASA_PYTHON: one operation, timed without the start of Python and imports.

Standard input is a JSON list: a mode and paths, or "pclean", BASE and the number of parts. The last line of standard output is what was measured.
"""

import json
import sys
import time

from casatools import image


def concat(outfile, paths, mode):
    tool = image()
    made = tool.imageconcat(outfile=outfile, infiles=paths, axis=-1, relax=True, tempclose=False, overwrite=True,
                            reorder=False, mode=mode)
    # The tool itself may stay without an image: the call gives one that has it.
    shape = [int(n) for n in made.shape()]
    made.done()
    tool.done()
    return shape


def pclean(base, nparts):
    """All extensions, as pclean's parallel cube imager ends. An extension that fails is in its log only."""
    from pclean.utils.image_concat import concat_subcubes
    start = time.monotonic()
    concat_subcubes(base, int(nparts))
    return {"seconds": time.monotonic() - start}


def measure(operation, paths):
    if operation == "pclean":
        return pclean(*paths)
    start = time.monotonic()
    shape = concat(paths[0], paths[1:], operation)
    return {"seconds": time.monotonic() - start, "shape": shape}


def main():
    operation, *paths = json.load(sys.stdin)
    print(json.dumps(measure(operation, paths)))


if __name__ == "__main__":
    main()
