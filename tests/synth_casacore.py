"""Writes the images that synth.py asks for, in a process of their own."""

import numpy as np
from casacore.images import image
from casacore.images.coordinates import coordinatesystem
from casacore.tables import table

STOKES = ("I", "Q", "U", "V")
HERTZ = {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9}


def quantity(value, unit):
    return {"value": float(value), "unit": unit}


def direction(part, nx, ny):
    return {
        "system": "J2000", "projection": part.projection,
        "projection_parameters": np.zeros(2 if part.projection == "SIN" else 0),
        "crval": np.array([2.5, 0.5]), "crpix": np.array([float(nx // 2), float(ny // 2)]),
        "cdelt": np.array([-part.cell, part.cell]), "pc": np.eye(2),
        "axes": ["Right Ascension", "Declination"], "units": ["rad", "rad"],
        "conversionSystem": "J2000", "longpole": 180.0, "latpole": 0.0,
    }


def spectral(part):
    scale = HERTZ[part.axis_unit]
    return {
        "version": 2, "system": part.frame, "restfreq": part.rest_frequency / scale,
        "restfreqs": np.array([part.rest_frequency / scale]),
        "velType": 0, "nativeType": 0, "velUnit": "km/s", "waveUnit": "mm", "formatUnit": "",
        "wcs": {"crval": part.frequency / scale, "crpix": 0.0, "cdelt": part.width / scale, "pc": 1.0, "ctype": "FREQ"},
        "unit": part.axis_unit, "name": "Frequency",
        "conversion": {
            "direction": {"type": "direction", "refer": "J2000", "m0": quantity(0, "rad"), "m1": quantity(1.5, "rad")},
            "position": {"type": "position", "refer": "ITRF", "m0": quantity(0, "rad"), "m1": quantity(0, "rad"),
                         "m2": quantity(0, "m")},
            "epoch": {"type": "epoch", "refer": "LAST", "m0": quantity(0, "d")},
            "system": part.shown_frame or part.frame,
        },
        **part.spectral,
    }


def coordinates(part):
    nchan, nstokes, ny, nx = part.pixels.shape
    names = list(part.stokes or STOKES[:nstokes])
    record = {
        "telescope": part.telescope, "observer": part.observer,
        "obsdate": {"type": "epoch", "refer": "UTC", "m0": quantity(58849.25, "d")},
        "pointingcenter": {"value": np.array([2.5, 0.5]), "initial": False},
        "direction0": direction(part, nx, ny),
        "stokes1": {"axes": ["Stokes"], "stokes": names, "crval": np.array([1.0]), "crpix": np.array([0.0]),
                    "cdelt": np.array([1.0]), "pc": np.eye(1)},
        "spectral2": spectral(part),
    }
    for i, axes in enumerate(([0, 1], [2], [3])):
        record["worldmap%d" % i] = record["pixelmap%d" % i] = np.array(axes, "i4")
        record["pixelreplace%d" % i] = np.zeros(len(axes))
    record["worldreplace0"] = np.array([2.5, 0.5])
    record["worldreplace1"] = np.array([1.0])
    record["worldreplace2"] = np.array([part.frequency / HERTZ[part.axis_unit]])
    return coordinatesystem(record)


def beam(values):
    major, minor, angle = values
    return {"major": quantity(major, "arcsec"), "minor": quantity(minor, "arcsec"), "positionangle": quantity(angle, "deg")}


def image_info(part):
    info = {"imagetype": part.image_type, "objectname": part.object}
    if isinstance(part.beam, tuple):
        info["restoringbeam"] = beam(part.beam)
    elif part.beam is not None:
        nchan, nstokes = len(part.beam), len(part.beam[0])
        planes = {"nChannels": np.uint32(nchan), "nStokes": np.uint32(nstokes)}
        for s in range(nstokes):
            for c in range(nchan):
                planes["*%d" % (c + nchan * s)] = beam(part.beam[c][s])
        info["perplanebeams"] = planes
    return info


def typed(value):
    """Python's integers as casacore's Int: the binding would make Int64 of them, which casa-formats-io cannot read."""
    return np.int32(value) if type(value) is int else value


def write(path, part):
    fields = {"values": part.pixels, "coordsys": coordinates(part)}
    if part.mask is not None:
        fields.update(mask=part.mask, maskname=part.mask_name)
    if part.tile:
        fields["tileshape"] = tuple(part.tile[::-1])
    img = image(path, **fields)
    del img
    tab = table(path, readonly=False, ack=False)
    miscinfo = {k: typed(v) for k, v in part.miscinfo.items()}
    for key, value in (("units", part.unit), ("miscinfo", miscinfo), ("imageinfo", image_info(part))):
        if key not in part.without:
            tab.putkeyword(key, value)
        elif key in tab.keywordnames():
            tab.removekeyword(key)
    tab.close()
    write_history(path, part.history)


def write_history(path, messages):
    if messages:
        log = table(path + "/logtable", readonly=False, ack=False)
        for message in messages:
            row = log.nrows()
            log.addrows(1)
            log.putcell("TIME", row, 5e9)
            log.putcell("PRIORITY", row, "INFO")
            log.putcell("MESSAGE", row, message)
            log.putcell("LOCATION", row, "synth")
            log.putcell("OBJECT_ID", row, "")
        log.close()


def each(function, todo):
    for path, one in todo:
        yield function(path, one)
