"""Describes images as casacore reads them, virtual or not: a JSON line for each path given. See virtual.py."""

import json
import sys

from casacore.images import image

from judge_casacore import contents


def main():
    for path in sys.argv[1:]:
        try:
            img = image(path)
            answer = dict(contents(img), kind=img.imagetype())
        except Exception as error:  # an image that cannot be opened is an answer
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps({path: answer}), flush=True)


if __name__ == "__main__":
    main()
