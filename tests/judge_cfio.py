"""Describes images as casa-formats-io reads them: a JSON line for each path given. See judge.py.

casa-formats-io parses the tables by itself. It knows real pixels only: it takes complex ones for doubles (their bytes
are compared all the same), and cannot read double complex ones, which is then the description's "pixels_error".
"""

import hashlib
import json
import os
import sys
import warnings

import numpy as np
from casa_formats_io import coordsys_to_astropy_wcs, getdesc, getdminfo, image_to_dask

warnings.simplefilter("ignore")


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, bytes):
        return value.hex()
    return value.rstrip("\0") if isinstance(value, str) else value


def describe(path):
    found = {}
    desc = getdesc(path)
    keywords = desc["_keywords_"]
    pixel_column = desc["map"]
    found["value_type"] = str(pixel_column["valueType"])
    cube = getdminfo(path)["*1"]["SPEC"]["HYPERCUBES"]["*1"]
    found["shape"] = plain(cube["CubeShape"])
    found["tile_shape"] = plain(cube["TileShape"])
    found["default_tile_shape"] = plain(getdminfo(path)["*1"]["SPEC"]["DEFAULTTILESHAPE"])
    try:
        pixels = image_to_dask(path).compute(scheduler="synchronous")
        found["pixels_sha256"] = sha256(pixels.astype(pixels.dtype.newbyteorder("<")))
        found["pixels_shape"] = list(pixels.shape)
    except ValueError as error:
        found["pixels_error"] = str(error).split(",")[0]
        pixels = None
    mask_name = keywords.get("Image_defaultmask", "")
    shape = found["shape"][::-1]
    if mask_name:
        mask = image_to_dask(path, mask=mask_name).compute(scheduler="synchronous").astype("u1")
        box = keywords["masks"][mask_name]["box"]
        found["box_matches"] = plain(box["shape"]) == found["shape"] and plain(box["trc"]) == found["shape"]
        table = keywords["masks"][mask_name]["mask"]
        found["mask_table_inside"] = os.path.dirname(os.path.normpath(table[len("Table: "):])) == os.path.abspath(path)
    else:
        mask = np.ones(shape, "u1")
    found["mask_sha256"] = sha256(mask)
    for name in ("coords", "units", "imageinfo", "miscinfo"):
        found[name] = plain(keywords.get(name))
    found["default_mask"] = mask_name
    try:
        wcs = coordsys_to_astropy_wcs(keywords["coords"])
        found["wcs"] = wcs.to_header_string()
    except Exception as error:  # it knows few coordinates: what it cannot turn into a WCS, it must refuse for both
        found["wcs"] = "%s: %s" % (type(error).__name__, error)
    return found


INCIDENTAL = ("tile_shape", "default_tile_shape", "default_mask", "box_matches", "mask_table_inside")


def main():
    for path in sys.argv[1:]:
        try:
            answer = describe(path)
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps({path: answer}), flush=True)


if __name__ == "__main__":
    main()
