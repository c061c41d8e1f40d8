"""The package in python/, over the programs under test."""

import os
import sys

import pytest

import programs

sys.path.insert(0, os.path.join(programs.ROOT, "python"))


@pytest.fixture(autouse=True)
def programs_in_path(monkeypatch):
    directories = [os.path.dirname(p) for p in (programs.MATERIALIZE, programs.SUBCUBEFS)]
    monkeypatch.setenv("PATH", os.pathsep.join([*directories, os.environ["PATH"]]))
