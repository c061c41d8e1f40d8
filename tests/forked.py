"""Functions that use casacore, each call in a process of its own: casacore keeps tables open as long as its process lives, may
crash on what it dislikes, and is never used by two threads.

Loading it takes longer than what most tests ask of it, so the process is the copy of one that has it loaded.
"""

import multiprocessing
import os
import tempfile
import threading
import time

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["casacore.images", "casacore.images.coordinates", "casacore.tables"])

# multiprocessing asks all of its children how they are when it starts one.
_starting_and_joining = threading.Lock()


class Ended(RuntimeError):
    """A function that did not come to its end: what it had yielded, the status as subprocess has it, what it wrote to standard output and error."""

    def __init__(self, function, answers, status, text):
        super().__init__("%s ended with %s: %s" % (function.__name__, status, text[-3000:]))
        self.answers, self.status, self.text = answers, status, text


def run(function, *arguments, timeout, cwd="/", resources="/dev/null"):
    """What the function yields, or Ended. `resources` is casacore's file of them."""
    answers, end = [], time.monotonic() + timeout
    with tempfile.NamedTemporaryFile(mode="r", errors="replace") as said:
        receiver, sender = _processes.Pipe(duplex=False)
        process = _processes.Process(target=_work, daemon=True, args=(sender, said.name, cwd, resources, function, arguments))
        with _starting_and_joining:
            process.start()
        sender.close()
        try:
            while receiver.poll(max(0, end - time.monotonic())):
                answers.append(receiver.recv())
            process.kill()
        except EOFError:
            pass
        with _starting_and_joining:
            process.join(10)
        receiver.close()
        if time.monotonic() >= end:
            raise TimeoutError("%s%r took longer than %g s" % (function.__name__, arguments, timeout))
        if process.exitcode != 0:
            raise Ended(function, answers, process.exitcode, said.read())
        return answers


def _work(sender, said, cwd, resources, function, arguments):
    fd = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.environ.update(CASARCFILES=resources, OPENBLAS_NUM_THREADS="1")
    os.chdir(cwd)
    for answer in function(*arguments):
        sender.send(answer)
