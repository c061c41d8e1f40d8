"""Prints the directory below the prefix given where this Python finds packages, for meson.build."""

import site
import sys

prefix = sys.argv[1].rstrip("/")
usual = "%s/lib/python%d.%d/site-packages" % (prefix, *sys.version_info[:2])
print(next((path for path in site.getsitepackages() if path.startswith(prefix + "/lib/")), usual))
