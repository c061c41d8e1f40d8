"""What a directory may look like after a power loss, made from the tape of a run (diskcalls.c).

The model is that of POSIX, as unkind as file systems may be. A file's bytes are on disk once it was synced; a name, or that it is gone,
once its directory was; until then each may be there or not. A rename is one step: both names change, or none does (all
file systems that keep a journal do that), and it is durable once one of its directories is synced. Changes of
one directory may be kept in part, but not against their order on the same name.
"""

import hashlib
import os
import random


class File:
    def __init__(self, content=None):
        self.content = content      # bytes; None: a directory
        self.synced = content
        self.names = {}             # of a directory: name -> File


class Change:
    """One step of the namespace: `new` are (directory, name, file or None)."""

    def __init__(self, number, new):
        self.number, self.new, self.durable = number, new, False


class Disk:
    """A directory, as it is now, with all on disk; then what was done to it, call by call."""

    def __init__(self, root):
        self.files, self.changes = {}, []
        self.root = self._read(root)
        self.begin = _names_of(self.root)

    def _read(self, path):
        st = os.lstat(path)
        key = "%d:%d" % (st.st_dev, st.st_ino)
        if os.path.isdir(path):
            found = File()
            found.names = {n: self._read(os.path.join(path, n)) for n in os.listdir(path)}
        else:
            with open(path, "rb") as stream:
                found = File(stream.read())
        self.files[key] = found
        return found

    def _change(self, number, *new):
        self.changes.append(Change(number, new))
        for directory, name, target in new:
            if target is None:
                directory.names.pop(name, None)
            else:
                directory.names[name] = target

    def play(self, line):
        number, name, arguments = int(line[0]), line[1], line[2:]
        files = self.files
        if name in ("create", "mkdir"):
            made = files[arguments[2]] = File(b"" if name == "create" else None)
            made.synced = b"" if name == "create" else None
            self._change(number, (files[arguments[0]], arguments[1], made))
        elif name == "unlink":
            self._change(number, (files[arguments[0]], arguments[1], None))
        elif name == "rename":
            a, b = files[arguments[0]], files[arguments[2]]
            moved, other = a.names[arguments[1]], b.names.get(arguments[3])
            exchanged = other if arguments[4] == "2" else None
            self._change(number, (a, arguments[1], exchanged), (b, arguments[3], moved))
        elif name == "sync":
            synced = files[arguments[0]]
            synced.synced = synced.content
            for change in self.changes:
                change.durable = change.durable or any(d is synced for d, _, _ in change.new)
        else:
            target = files[arguments[0]]
            if name == "write":
                offset, data = int(arguments[1]), bytes.fromhex(arguments[2])
                content = target.content.ljust(offset, b"\0")
                target.content = content[:offset] + data + content[offset + len(data):]
            else:
                size = int(arguments[1])
                grown = max(size, len(target.content)) if name == "allocate" else size
                target.content = target.content[:grown].ljust(grown, b"\0")


def states(disk, tape, rng, some=2):
    """For each call, the states that the disk may be left in just after it: (number of the call, how, tree)."""
    for line in tape:
        disk.play(line)
        unsure = [c for c in disk.changes if not c.durable]
        ways = [("nothing that was not synced", set(), True), ("all names, only synced bytes", set(unsure), True),
                ("all", set(unsure), False)]
        ways += [("some names", {c for c in unsure if rng.random() < 0.5}, True) for _ in range(some)]
        ways += [("names up to one", set(unsure[:rng.randrange(len(unsure) + 1)]), True)]
        for how, kept, only_synced in ways:
            yield int(line[0]), how, _tree(disk, kept, only_synced)


def _names_of(directory):
    found = {id(directory): dict(directory.names)}
    for child in directory.names.values():
        if child.content is None:
            found.update(_names_of(child))
    return found


def _tree(disk, kept, only_synced):
    """Path -> bytes, or None of a directory."""
    names = {key: dict(value) for key, value in disk.begin.items()}
    blocked = set()
    for change in disk.changes:
        touched = {(id(d), n) for d, n, _ in change.new}
        # what was not kept stands in the way of later changes of the same name
        if not change.durable and (change not in kept or touched & blocked):
            blocked |= touched
            continue
        for directory, name, target in change.new:
            entries = names.setdefault(id(directory), {})
            if target is None:
                entries.pop(name, None)
            else:
                entries[name] = target
    found, seen = {}, set()

    def walk(directory, path):
        assert id(directory) not in seen
        seen.add(id(directory))
        for name, child in names.get(id(directory), {}).items():
            where = os.path.join(path, name)
            if child.content is None:
                found[where] = None
                walk(child, where)
            else:
                found[where] = child.synced if only_synced else child.content
    walk(disk.root, "")
    return found


def digest(tree):
    whole = hashlib.sha256()
    for path in sorted(tree):
        whole.update(repr((path, tree[path])).encode())
    return whole.hexdigest()


def write(tree, root):
    for path in sorted(tree):
        where = os.path.join(root, path)
        if tree[path] is None:
            os.mkdir(where)
        else:
            with open(where, "wb") as stream:
                stream.write(tree[path])


def seeded():
    return random.Random(int(os.environ.get("SC_SEED", "1")))
