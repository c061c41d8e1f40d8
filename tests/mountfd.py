"""Mounts as a container's runtime does and hands over the device:

    mountfd.py MOUNTPOINT USER_ID OPTIONS COMMAND...      "{}" in COMMAND becomes /dev/fd/N
"""

import ctypes
import os
import sys

NOSUID, NODEV = 2, 4

mountpoint, user_id, options, *command = sys.argv[1:]
device = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(device, True)
data = "fd=%d,rootmode=40000,user_id=%s,group_id=%s" % (device, user_id, user_id)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"handed-over", mountpoint.encode(), b"fuse.subcubefs", NOSUID | NODEV,
              (data + ("," + options if options else "")).encode()) != 0:
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
command = [word.replace("{}", "/dev/fd/%d" % device) for word in command]
os.execvp(command[0], command)
