"""Programs under valgrind's memcheck, which sees what the sanitizers do not: bytes that were never written."""

import glob
import os
import re
import shutil
import subprocess

import pytest

import programs

SLOW_S = 240    # valgrind is twenty times slower, and the machine may be busy


def command(logs):
    """What to put in front of a program; it writes a log for each of its processes into the directory `logs`."""
    os.makedirs(logs, exist_ok=True)
    return ["valgrind", "--log-file=%s/%%p" % logs, "--leak-check=full", "--errors-for-leak-kinds=none", "--error-exitcode=99"]


def skip_where_it_cannot_be():
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    if programs.is_sanitized():
        pytest.skip("not with the sanitizers")
    if subprocess.run(["valgrind", "--error-exitcode=99", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("valgrind does not run here")


def assert_clean(logs):
    """No errors in any process, no leaks in the first. What became another program has not written any summary, and a child
    that does one thing and ends leaves its memory to the kernel."""
    texts = {os.path.basename(path): open(path, errors="replace").read() for path in sorted(glob.glob(str(logs) + "/*"))}
    first = [text for text in texts.values() if re.search(r"Parent PID: (\d+)", text).group(1) not in texts]
    assert len(first) == 1 and "ERROR SUMMARY" in first[0], "the program was not watched to its end"
    assert not re.search(r"definitely lost: [1-9]", first[0]), first[0]
    for text in texts.values():
        assert "ERROR SUMMARY" not in text or "ERROR SUMMARY: 0 errors" in text, text
