"""What the mount's view and the materializer's image must both be."""

import judge
import synth

# What casa-formats-io tells and may differ: where tiles lie, and dates and memory figures of the run.
CFIO_INCIDENTAL = ("tile_shape", "default_tile_shape", "default_mask", "box_matches", "mask_table_inside", "wcs")


def is_casas(family_name, ext, got, reference, expected):
    """`got` is the same image as CASA's (`reference`, as casacore reads it) and as CASA says (`expected`)."""
    assert "error" not in got, got["error"]
    judge.assert_same(_without_volatile(family_name, got), _without_volatile(family_name, reference))
    wanted = judge.from_expected(expected)
    judge.assert_same(_without_volatile("B", got), wanted, keys=sorted(wanted))
    history_tells_what_was_done(got["history"])


def _without_volatile(family_name, found):
    found = dict(found, miscinfo=judge.drop_volatile(found["miscinfo"]))
    if family_name.startswith("B"):
        found["coordinates"] = judge.drop_dates(found["coordinates"])
    return found


def is_casas_cfio(family_name, got, reference):
    assert "error" not in got, got["error"]
    assert "error" not in reference, reference["error"]
    clean = []
    for found in (got, reference):
        found = dict(found)
        if found["miscinfo"] is not None:
            found["miscinfo"] = judge.drop_volatile(found["miscinfo"])
        if family_name.startswith("B"):
            found["coords"] = judge.drop_dates(found["coords"])
            found["wcs"] = _without_date(found["wcs"])
        clean.append(found)
    judge.assert_same(clean[0], clean[1], ignore=CFIO_INCIDENTAL[:-1])
    consistent_cfio(got)


def _without_date(header):
    cards = [header[i:i + 80] for i in range(0, len(header), 80)]
    return "".join(c for c in cards if not c.startswith(("MJD", "DATE")))


def consistent_cfio(got):
    """A default tile that is not the cube's, or a box that is not the cube's shape, casacore would never notice."""
    assert got["default_tile_shape"] == got["tile_shape"]
    if got["default_mask"]:
        assert got["box_matches"] and got["mask_table_inside"]


def history_tells_what_was_done(history):
    assert history, "no history row tells what was concatenated"
    last = history[-1]
    assert "subcube" in last and any(c.isdigit() for c in last), last


def is_as_put_in(recipe, got):
    """Pixels, masks and frequencies are what the recipe put into its parts."""
    assert "error" not in got, got["error"]
    wanted = synth.truth(recipe.parts)
    judge.assert_same(got, wanted, keys=sorted(wanted))
    frequencies = recipe.expected_frequencies()
    assert len(got["frequencies"]) == len(frequencies)
    width = abs(recipe.parts[0].width)
    wrong = [(c, g, w) for c, (g, w) in enumerate(zip(got["frequencies"], frequencies))
             if abs(g - w) > recipe.tolerance * width]
    assert not wrong, "%d channels; the first (channel, got, wanted): %s" % (len(wrong), wrong[0])


def has_the_header(recipe, got, paths):
    """The header is casacore's own, where the recipe says so, and what the recipe tells of it."""
    if recipe.concat:
        wanted = judge.concat(paths)
        assert "error" not in wanted, wanted["error"]
        judge.assert_same(got, wanted, keys=list(recipe.concat_keys))
    spectral = [v for k, v in got["coordinates"].items() if k.startswith("spectral")]
    for key, value in recipe.header.items():
        if key == "spectral_axis":
            assert ("tabular" in spectral[0]) == (value == "tabular"), spectral[0]
        elif key == "increment":
            assert abs(spectral[0]["wcs"]["cdelt"] - value) < 1e-6 * abs(value)
        else:
            judge.assert_same(got, {key: value}, keys=[key])
    for value in spectral:
        assert value["unit"] in ("Hz", recipe.parts[0].axis_unit)


def is_the_same_cfio(got, said):
    """casa-formats-io reads what casacore reads (double complex pixels it cannot)."""
    assert "error" not in got, got["error"]
    assert got["mask_sha256"] == said["mask_sha256"]
    assert got["shape"] == said["shape"]
    if said["pixel_type"] == "dcomplex":
        assert "pixels_error" in got
    else:
        assert got["pixels_sha256"] == said["pixels_sha256"]
    consistent_cfio(got)
