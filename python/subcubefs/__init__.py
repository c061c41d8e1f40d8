"""The subcubes that a parallel imager leaves, as whole CASA images: written out (concat_subcubes, concat_images),
mounted (mount), or listed (families). All work is done by the programs subcube-materialize and subcubefs, which have to
be in PATH.
"""

from .concat import ConcatError, concat_images, concat_subcubes
from .listing import SourceError, families
from .mounting import MountError, mount

__version__ = "0.1.0"   # of meson.build; a test compares

__all__ = ["ConcatError", "MountError", "SourceError", "concat_images", "concat_subcubes", "families", "mount"]
