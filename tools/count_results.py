#!/usr/bin/env python3
"""Adds up the results of a test run: the directories named hold unit.json (meson) and pytest.xml (pytest).

Prints what failed, what was skipped and why, and last one line "N passed, N failed, N skipped". Status 1 when
something failed, or nothing passed.
"""

import collections
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

# A line for each test function, as cmocka prints them.
CMOCKA = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] ([A-Za-z_]\w*)$", re.MULTILINE)
WORDS = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def unit_tests(path):
    """(result, name, reason) for each test function of the unit tests."""
    with open(path) as stream:
        for line in stream:
            program = json.loads(line)
            output = program.get("stdout", "") + "\n" + program.get("stderr", "")
            functions = {}
            for result, name in CMOCKA.findall(output):
                functions[name] = WORDS[result]
            for name, result in functions.items():
                reason = "skipped itself" if result == "skipped" else ""
                yield result, "%s: %s" % (program["name"], name), reason
            good = program["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
            if not functions:
                word = {"OK": "passed", "SKIP": "skipped"}.get(program["result"], "failed")
                yield word, program["name"], program["result"]
            elif not good and "failed" not in functions.values():
                yield "failed", program["name"], "the program as a whole: " + program["result"]


def pytest_tests(path):
    for case in ElementTree.parse(path).iter("testcase"):
        name = "%s.%s" % (case.get("classname"), case.get("name"))
        problems = {child.tag: child for child in case}
        if "failure" in problems or "error" in problems:
            yield "failed", name, ""
        elif "skipped" in problems:
            yield "skipped", name, problems["skipped"].get("message", "")
        else:
            yield "passed", name, ""


def main():
    counts, failed, skipped = collections.Counter(), [], collections.Counter()
    complete = True
    for directory in sys.argv[1:]:
        for name, read in (("unit.json", unit_tests), ("pytest.xml", pytest_tests)):
            path = os.path.join(directory, name)
            if not os.path.exists(path):
                # the unit tests are left out on purpose when single tests are asked for
                complete &= name == "unit.json"
                continue
            for result, test, reason in read(path):
                counts[result] += 1
                if result == "failed":
                    failed.append("%s: %s %s" % (os.path.dirname(directory), test, reason))
                elif result == "skipped":
                    skipped[reason or "no reason given"] += 1
    for line in failed:
        print("failed: " + line)
    for reason, count in skipped.most_common():
        print("skipped: %d (%s)" % (count, reason))
    if not complete:
        print("the tests of the programs did not end")
    print("%d passed, %d failed, %d skipped" % (counts["passed"], counts["failed"], counts["skipped"]))
    return 0 if complete and counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
