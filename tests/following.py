"""subcube-materialize --follow under way, and parts that appear beside it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading

import numpy as np

import live
import programs
import synth

NPARTS = 5
COPYING_S = 60      # generous: what changed less than two seconds ago is not copied yet


def family(value=0.0, count=NPARTS, **fields):
    made = synth.run([2] * count, ny=12, nx=16, masks=True, **fields)
    for part in made:
        part.pixels = part.pixels + np.float32(value)
    return made


class Ground:
    """A source with no parts yet, and where the images go."""

    def __init__(self, path):
        self.source, self.scratch, self.out = (os.path.join(str(path), name) for name in ("run", "scratch", "out"))
        os.makedirs(self.source)
        os.makedirs(self.out)
        self._stores = []

    def _store(self, made, ext):
        """Where all of `made` are, made at the first call, so they are old enough soon."""
        store = next((s for family, e, s in self._stores if family is made and e == ext), None)
        if store is None:
            store = os.path.join(self.scratch, "%d" % len(self._stores))
            self._stores.append((made, ext, store))
            live.build(store, made, ext=ext)
        return store

    def put(self, made, *numbers, ext=".image"):
        """Finished parts appear, each at one moment."""
        for number in numbers:
            name = synth.name(number, ext)
            os.rename(os.path.join(self._store(made, ext), name), os.path.join(self.source, name))

    def put_copy(self, made, number):
        name = synth.name(number)
        shutil.copytree(os.path.join(self._store(made, ".image"), name), os.path.join(self.scratch, name))
        os.rename(os.path.join(self.scratch, name), os.path.join(self.source, name))

    def exchange(self, made, number, ext=".image"):
        """Another part in its place."""
        live.remove(self.source, number, ext)
        self.put(made, number, ext=ext)

    def image(self, ext=".image"):
        return os.path.join(self.out, "cube" + ext)

    def state(self, ext=".image"):
        return os.path.join(self.out, ".cube%s.subcube-materialize" % ext, "follow", "state")

    def copied_file(self, ext=".image"):
        return os.path.join(os.path.dirname(self.state(ext)), "pixels")

    def command(self, *options, follow="--follow", nparts=NPARTS):
        return [programs.MATERIALIZE, follow, "--nparts=%d" % nparts, "--settle=1", "--json", "-j", "2", *options, "-o",
                self.out + "/cube", self.source + "/cube"]

    def plain(self, *options, ext=".image"):
        """Every byte of the image that a run makes that begins when all is there."""
        name = os.path.join(self.scratch, "plain")
        done = programs.materialize(*options, "-o", name, "-e", ext, self.source + "/cube")
        assert done.returncode == 0, done.stderr
        tree = programs.tree(name + ext)
        shutil.rmtree(name + ext)
        return tree


class Following:
    """`with Following(ground, ...) as run:` it is ended on the way out, whatever happened."""

    def __init__(self, ground, *options, **more):
        self.events = []
        self.process = subprocess.Popen(ground.command(*options, **more), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def last(self, key, ext=".image"):
        """What the last event says of an extension; None: nothing yet."""
        for event in reversed(self.events):
            for image in event["images"] if event["event"] == "follow" else []:
                if image["extension"] == ext:
                    return image[key]
        return None

    def reaches(self, ext=".image", **numbers):
        """Waits until it says so, as in copied=2."""
        def is_there():
            return all(self.last("parts_" + key, ext) == number for key, number in numbers.items())
        assert programs.wait_until(lambda: is_there() or self.process.poll() is not None, COPYING_S), self.events[-1:]
        assert self.process.poll() is None, self.process.stderr.read()

    def copies(self, count, ext=".image"):
        self.reaches(ext, copied=count)

    def say_no_more(self):
        self.process.stdin.close()

    def ends(self, status=0):
        """Its errors and warnings."""
        self.process.wait(timeout=120)
        self._reader.join()
        err = self.process.stderr.read()
        assert self.process.returncode == status, (self.process.returncode, err)
        if self.events:
            assert self.events[-1]["event"] == "summary" and self.events[-1]["status"] == status
        return err

    def has_begun(self):
        """Signals that ask to stop wait from then on; SIGPIPE, which is ignored together with that, can be seen from here."""
        with open("/proc/%d/status" % self.process.pid) as stream:
            ignored = next(line for line in stream if line.startswith("SigIgn:"))
        return int(ignored.split()[1], 16) >> (signal.SIGPIPE - 1) & 1

    def stop(self, number=signal.SIGINT):
        assert programs.wait_until(lambda: self.process.poll() is not None or self.has_begun())
        self.process.send_signal(number)
        if number != signal.SIGKILL:
            return self.ends(128 + number)
        assert self.process.wait(timeout=120) == -number
        return ""


def spoil(path, at=None):
    """Other bytes in a file that keeps its size: seen only by who reads it."""
    with open(path, "r+b") as stream:
        stream.seek(0, os.SEEK_END)
        size = stream.tell()
        stream.seek(at or 0)
        stream.write(b"\x55" * (size if at is None else 1))
