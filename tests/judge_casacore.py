"""Describes images as casacore reads them, for judge.py and virtual.py, in a process of their own."""

import hashlib

import numpy as np
from casacore.images import image
from casacore.tables import table


# Told by other keys of the description, or empty: CASA adds ATTRGROUPS to what it concatenates, without anything in it.
OPTIONAL_KEYWORDS = ("masks", "Image_defaultmask", "ATTRGROUPS")


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, str):
        return value.rstrip("\0")
    return value


def beams(info, shape):
    """[channel][stokes][major, minor, position angle], each a value and a unit; None without beams."""
    def beam(b):
        return [[b[k]["value"], b[k]["unit"]] for k in ("major", "minor", "positionangle")]
    if "restoringbeam" in info:
        return [[beam(info["restoringbeam"])] * shape[2]] * shape[3]
    if "perplanebeams" in info:
        per = info["perplanebeams"]
        nchan, nstokes = int(per["nChannels"]), int(per["nStokes"])
        return [[beam(per["*%d" % (c + nchan * s)]) for s in range(nstokes)] for c in range(nchan)]
    return None


def to_hz(unit):
    return {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9}[unit]


def frequencies(img, coordinates, nchan):
    """World values of the last axis in Hz, through casacore's own conversion, not through the record."""
    spectral = [v for k, v in coordinates.items() if k.startswith("spectral")]
    if not spectral:
        return None
    scale = to_hz(spectral[0].get("unit", "Hz"))
    return [img.toworld([c] + [0] * (img.ndim() - 1))[0] * scale for c in range(nchan)]


def paged(path):
    img = image(path)
    if not img.ispersistent() or img.imagetype() != "PagedImage":
        raise RuntimeError("not a paged image but %s" % img.imagetype())
    return contents(img, table(path, ack=False))


def any_kind(path):
    """Paged or virtual."""
    img = image(path)
    return dict(contents(img), kind=img.imagetype())


def concatenation(paths, axis):
    """casacore's own, ImageConcat with relax."""
    return contents(image(paths, axis=axis))


def each(describe, todo, *more):
    """Yields the answer for each; an image that cannot be opened is one."""
    for one in todo:
        try:
            yield describe(one, *more)
        except Exception as error:
            yield {"error": "%s: %s" % (type(error).__name__, error)}


def contents(img, tab=None):
    pixels, flags = img.getdata(), img.getmask()
    pixels = pixels.astype(pixels.dtype.newbyteorder("<"))
    good = (~flags).astype("u1") if flags is not None and flags.size else np.ones(pixels.shape, "u1")
    shape = list(pixels.shape[::-1])
    info = plain(img.imageinfo())
    coordinates = plain(img._coordinates())
    for value in coordinates.values():
        if isinstance(value, dict):
            value.pop("_image_axes", None)
            value.pop("_axes_sizes", None)
    found = {
        "shape": shape,
        "pixel_type": img.datatype().lower(),
        "pixel_dtype": pixels.dtype.str,
        "pixels_sha256": sha256(pixels),
        "channel_sha256": [sha256(plane)[:16] for plane in pixels],
        "mask_sha256": sha256(good),
        "channel_masked": [int((plane == 0).sum()) for plane in good],
        "masked_pixels": int((good == 0).sum()),
        "unit": img.unit(),
        "image_type": info.get("imagetype", ""),
        "object": info.get("objectname", ""),
        "beams": beams(info, shape),
        "miscinfo": plain(img.miscinfo()),
        "coordinates": coordinates,
        "frequencies": frequencies(img, coordinates, shape[-1]),
        "history": img.history(),
    }
    if tab is not None:
        keywords = tab.getkeywords()
        cube = tab.getdminfo()["*1"]["SPEC"]["HYPERCUBES"]["*1"]
        found["table_info"] = tab.info()
        found["keyword_names"] = sorted(k for k in keywords if k not in OPTIONAL_KEYWORDS)
        found["image_masks"] = sorted(keywords.get("masks", {}))
        found["default_mask"] = keywords.get("Image_defaultmask", "")
        found["tile_shape"] = plain(cube["TileShape"])
        found["big_endian"] = tab.endianformat() == "big"
        for name in found["image_masks"]:
            cube = table(tab.name() + "/" + name, ack=False).getdminfo()["*1"]["SPEC"]["HYPERCUBES"]["*1"]
            found["mask_tile_shape"] = plain(cube["TileShape"])
    return found
