"""Writes the images that cubes.py asks for, in a process of their own."""

import os
import shutil

import numpy as np
from casacore.images import image
from casacore.images.coordinates import coordinatesystem
from casacore.tables import table

import synth_casacore


def direction(x, y):
    return {
        "system": "J2000", "projection": "SIN", "projection_parameters": np.zeros(2),
        "crval": np.array([2.5, 0.5]), "crpix": np.array([float(x), float(y)]), "cdelt": np.array([-1e-5, 1e-5]),
        "pc": np.eye(2), "axes": ["Right Ascension", "Declination"], "units": ["rad", "rad"],
        "conversionSystem": "J2000", "longpole": 180.0, "latpole": 0.0,
    }


def stokes(*names):
    return {"axes": ["Stokes"], "stokes": list(names), "crval": np.array([1.0]), "crpix": np.array([0.0]),
            "cdelt": np.array([1.0]), "pc": np.eye(1)}


def linear(value, step):
    return {"axes": ["Length"], "units": ["m"], "crval": np.array([float(value)]), "crpix": np.array([0.0]),
            "cdelt": np.array([float(step)]), "pc": np.eye(1)}


def spectral(hz, width, unit="Hz"):
    scale = synth_casacore.HERTZ[unit]
    rest = 1.42e9 / scale
    return {"version": 2, "system": "LSRK", "restfreq": rest, "restfreqs": np.array([rest]), "velType": 0,
            "nativeType": 0, "velUnit": "km/s", "waveUnit": "mm", "formatUnit": "", "unit": unit, "name": "Frequency",
            "wcs": {"crval": hz / scale, "crpix": 0.0, "cdelt": width / scale, "pc": 1.0, "ctype": "FREQ"}}


MAKERS = {"direction": direction, "stokes": stokes, "linear": linear, "spectral": spectral}


def coordinates(cube):
    record = {
        "telescope": "VLA", "observer": "nobody",
        "obsdate": {"type": "epoch", "refer": "UTC", "m0": synth_casacore.quantity(58849.25, "d")},
        "pointingcenter": {"value": np.array([2.5, 0.5]), "initial": False},
    }
    axis = 0
    for number, (kind, *values) in enumerate(cube.axes):
        count = 2 if kind == "direction" else 1
        record["%s%d" % (kind, number)] = MAKERS[kind](*values)
        axes = np.arange(axis, axis + count, dtype="i4")
        record["worldmap%d" % number] = record["pixelmap%d" % number] = axes
        record["pixelreplace%d" % number] = record["worldreplace%d" % number] = np.zeros(count)
        axis += count
    return coordinatesystem(record)


def make(path, cube, tile):
    fields = {"values": cube.pixels, "coordsys": coordinates(cube)}
    if cube.mask is not None:
        fields.update(mask=cube.mask, maskname=cube.mask_name)
    if tile:
        fields["tileshape"] = tuple(tile[::-1])
    image(path, **fields)


def write(path, cube):
    make(path, cube, cube.tile)
    if cube.mask is not None and cube.mask_tile:
        # casacore tiles a mask as it does the pixels: this one is another image's
        make(path + ".other", cube, cube.mask_tile)
        shutil.rmtree(os.path.join(path, cube.mask_name))
        os.rename(os.path.join(path + ".other", cube.mask_name), os.path.join(path, cube.mask_name))
        shutil.rmtree(path + ".other")
    tab = table(path, readonly=False, ack=False)
    miscinfo = {k: synth_casacore.typed(v) for k, v in cube.miscinfo.items()}
    for key, value in (("units", cube.unit), ("miscinfo", miscinfo), ("imageinfo", synth_casacore.image_info(cube))):
        tab.putkeyword(key, value)
    tab.close()
    synth_casacore.write_history(path, cube.history)
