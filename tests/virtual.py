"""Virtual images: what casacore says of them, and what they hold.

    one(path, cwd)      casacore's description of a virtual image, read from the working directory `cwd`
    catalog(path)       its imageconcat.json
    loose(source, ext)  names of the parts that lie in a directory
"""

import json
import os

import judge
import judge_casacore

# Not told by a catalog: casacore makes it from the parts, or it is of paged images only.
OTHER = judge.INCIDENTAL + ("kind", "table_info", "keyword_names")


def one(path, cwd="/"):
    return judge.answer(judge_casacore.any_kind, str(path), cwd=cwd)


def catalog(path):
    with open(os.path.join(str(path), "imageconcat.json")) as stream:
        return json.load(stream)


def loose(source, ext=".image"):
    return sorted(n for n in os.listdir(source) if ".subcube." in n and n.endswith(ext) and n[0] != ".")


def inside(path):
    """Names of the parts that are in a virtual image."""
    return sorted(n for n in os.listdir(path) if os.path.isdir(os.path.join(path, n)))
