"""Parts under other names than pclean's."""

import os

import judge
import synth


def place(source, names, parts):
    """Writes parts under other names; each may be a path below `source`."""
    made = synth.build(os.path.join(source, "made"), parts)
    for path, name in zip(made, names):
        os.makedirs(os.path.dirname(os.path.join(source, name)), exist_ok=True)
        os.rename(path, os.path.join(source, name))
    os.rmdir(os.path.join(source, "made"))


def casas(number, ext=".image", base="cube"):
    return "%s.workdirectory/%s.n%d%s" % (base, base, number, ext)


def is_whole(path, parts):
    truth = synth.truth(parts)
    judge.assert_same(judge.one(path), truth, keys=sorted(truth))
