"""What casacore finds in images, for randomfamilies.look, in a process of their own."""

from casacore.images import image

import judge_casacore


def world_axes(coordinates):
    """For each pixel axis the number of its world coordinate, and what makes Hz of it."""
    found = {}
    for key in coordinates:
        if key.startswith("pixelmap"):
            number = key[len("pixelmap"):]
            spectral = coordinates.get("spectral" + number)
            scale = judge_casacore.to_hz(spectral.get("unit", "Hz")) if spectral else 1.0
            for pixel, world in zip(coordinates[key], coordinates["worldmap" + number]):
                found[int(pixel)] = int(world), scale
    return [found[axis] for axis in sorted(found)]


def worlds(img, axis):
    """What the pixels along `axis` are on each axis, x first, frequencies in Hz; at both ends of the other axes."""
    shape = img.shape()[::-1]
    axes = world_axes(img._coordinates())
    found = []
    for corner in ([0] * len(shape), [n - 1 for n in shape]):
        row = []
        for at in range(shape[axis]):
            corner[axis] = at
            world = img.toworld(corner[::-1])[::-1]
            row.append([world[number] * scale for number, scale in axes])
        found.append(row)
    return found


def beams(info, coordinates, shape):
    """[channel][Stokes] of major, minor and angle, each a value and a unit."""
    counts = {}
    for kind in ("stokes", "spectral"):
        axes = [v for k, v in coordinates.items() if k.startswith("pixelmap") and kind + k[len("pixelmap"):] in coordinates]
        counts[kind] = shape[int(axes[0][0])] if axes else 1
    return judge_casacore.beams(info, [1, 1, counts["stokes"], counts["spectral"]])


def contents(img, axis):
    mask, coordinates = img.getmask(), img._coordinates()
    info = judge_casacore.plain(img.imageinfo())
    return {
        "pixels": img.getdata(), "mask": mask, "worlds": worlds(img, axis), "unit": img.unit(),
        "beams": beams(info, coordinates, img.shape()[::-1]), "object": info.get("objectname"),
        "image_type": info.get("imagetype"), "miscinfo": judge_casacore.plain(img.miscinfo()), "kind": img.imagetype(),
    }


def described(request):
    what, axis = request
    return contents(image(what) if isinstance(what, str) else image(what, axis=axis), axis)
