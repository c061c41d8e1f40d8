"""Shows an image as casacore reads it, or compares two: demo.py show IMAGE, demo.py compare IMAGE IMAGE."""

import sys

import numpy as np
from casacore.images import image

# A fully flagged channel gets a beam of nearly no size; nobody wants it in a range.
REAL_BEAM_ARCSEC = 1e-3


def frequencies(img):
    spectral = img._coordinates()
    unit = next(v["unit"] for k, v in spectral.items() if k.startswith("spectral"))
    scale = {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9}[unit]
    return [img.toworld([c] + [0] * (img.ndim() - 1))[0] * scale for c in range(img.shape()[0])]


def beam(info, channel):
    if "restoringbeam" in info:
        one = info["restoringbeam"]
    elif "perplanebeams" in info:
        one = info["perplanebeams"]["*%d" % channel]
    else:
        return "none"
    major, minor, angle = (one[k] for k in ("major", "minor", "positionangle"))
    if major["value"] < REAL_BEAM_ARCSEC:
        return "none (a flagged channel)"
    return "%.2f x %.2f %s, %.1f %s" % (major["value"], minor["value"], major["unit"], angle["value"], angle["unit"])


def show(path):
    img = image(path)
    pixels, masked = img.getdata(), img.getmask()
    good = np.ma.masked_array(pixels, masked)
    nchan, nstokes, ny, nx = img.shape()
    hertz = frequencies(img)
    info = img.imageinfo()
    peak = np.unravel_index(np.ma.argmax(good), good.shape)
    lines = [
        ("shape", "%d x %d pixels, %d Stokes, %d channels, %s" % (nx, ny, nstokes, nchan, img.datatype())),
        ("object", info.get("objectname") or "(not named)"),
        ("frequency", "%.6f to %.6f GHz, channels of %.3f MHz" %
         (hertz[0] / 1e9, hertz[-1] / 1e9, (hertz[-1] - hertz[0]) / max(nchan - 1, 1) / 1e6)),
        ("unit", img.unit()),
        ("beam, first channel", beam(info, 0)),
        ("beam, last channel", beam(info, nchan - 1)),
        ("mask", "%d of %d pixels are masked" % (np.count_nonzero(masked), masked.size)),
        ("peak", "%.6g %s at pixel (%d, %d), channel %d" % (good.max(), img.unit(), peak[3], peak[2], peak[0])),
        ("lowest", "%.6g %s" % (good.min(), img.unit())),
        ("mean, rms", "%.6g, %.6g %s" % (good.mean(), np.sqrt((good.astype("f8") ** 2).mean()), img.unit())),
    ]
    for name, value in lines:
        print("  %-20s %s" % (name, value))


def contents(path):
    img = image(path)
    coordinates = {k: v for k, v in img._coordinates().items()}
    return {
        "shape": img.shape(), "data type": img.datatype(), "unit": img.unit(),
        "pixels": img.getdata().tobytes(), "mask": img.getmask().tobytes(),
        "coordinates": repr(coordinates), "frequencies": frequencies(img),
        "beams and type": repr(img.imageinfo()), "miscinfo": repr(img.miscinfo()), "history": img.history(),
    }


def compare(one, other):
    first, second = contents(one), contents(other)
    differ = [key for key in first if first[key] != second[key]]
    for key in first:
        size = " (%d bytes)" % len(first[key]) if isinstance(first[key], bytes) else ""
        print("  %-20s %s%s" % (key, "DIFFER" if key in differ else "the same", size))
    return 1 if differ else 0


def main():
    if sys.argv[1:2] == ["show"] and len(sys.argv) == 3:
        return show(sys.argv[2])
    if sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        return compare(sys.argv[2], sys.argv[3])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
