"""Runs the benchmarks and writes the table. Started by tools/bench, which installs and builds what is needed."""

import argparse
import datetime
import json
import os
import re
import shlex
import signal
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))     # programs.py

import datasets             # noqa: E402
import machine              # noqa: E402
import measure              # noqa: E402
import programs             # noqa: E402
import report               # noqa: E402
import workbench            # noqa: E402

# These declare their lines.
import opening              # noqa: E402,F401
import reading              # noqa: E402,F401
import writing              # noqa: E402,F401
import virtuals             # noqa: E402,F401
import scale                # noqa: E402,F401


FILES_A_PART = 4 * 14 + 5 * 9      # of nine extensions, four with a mask


def command_of(options):
    """The words of the command that the figures depend on; without where the data and the table are."""
    words = ["tools/bench"] + ["--quick"] * options.quick
    for name in ("parts", "size", "parts_large", "repeat", "only"):
        if getattr(options, name):
            words += ["--" + name.replace("_", "-"), str(getattr(options, name))]
    return words


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Measures subcubefs and subcube-materialize side by side with their peers and "
        "writes a table of medians, spreads, ratios and targets.")
    parser.add_argument("--quick", action="store_true",
                        help="a few minutes: smaller data, 3 rounds")
    parser.add_argument("--only", metavar="PATTERN", default="", help="lines whose name matches the regular expression")
    parser.add_argument("--list", action="store_true", help="say which lines there are")
    parser.add_argument("--parts", type=int, help="parts of the family (default: 1000, quick: 500)")
    parser.add_argument("--size", type=int, help="pixels along a plane's side (default: 256)")
    parser.add_argument("--parts-large", type=int, help="parts of the largest family (default: 60000, quick: 6000)")
    parser.add_argument("--repeat", type=int, help="rounds of each comparison (default: 7, quick: 3)")
    parser.add_argument("--dir", help="where the data go, which are kept there (default: build-bench/data, removed)")
    parser.add_argument("--keep", action="store_true", help="keep the data for the next run")
    parser.add_argument("-o", metavar="FILE", dest="output",
                        help="the table (default: tests/bench/results.md if nothing but --keep and --dir is given, "
                        "else build-bench/results.md)")
    options = parser.parse_args(arguments)
    options.command = command_of(options)
    whole = options.command == ["tools/bench"]
    options.output = options.output or (os.path.join(programs.HERE, "bench", "results.md") if whole else
                                        os.path.join(programs.BUILD, "results.md"))
    options.parts = options.parts or (500 if options.quick else 1000)
    options.size = options.size or 256
    options.parts_large = options.parts_large or (6000 if options.quick else 60000)
    options.repeat = options.repeat or (3 if options.quick else 7)
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_type():
    """How the programs under test were built."""
    try:
        options = json.loads(machine.run(["meson", "introspect", "--buildoptions", programs.BUILD]))
        return next(o["value"] for o in options if o["name"] == "buildtype")
    except (OSError, RuntimeError):
        return "unknown"


def measure_all(options, where):
    bench = workbench.Bench(where, options.repeat, options.quick, lambda text: say("      " + text))
    results = []
    for rows, function in measure.registry.chosen(re.compile(options.only)):
        start = time.monotonic()
        say("== " + ", ".join(row.name for row in rows))
        found = measure.run_group(bench, rows, function)
        for result in found:
            say("   %-22s %s" % (result.row.name, result.error or result.skipped or "%s, %s" % (
                report.ratio(result) or report.samples(result.ours, result.row.unit), result.verdict())))
        say("   (%.0f s)" % (time.monotonic() - start))
        results += found
    return results


def write_report(options, results, where, seconds):
    facts = machine.facts(where.directory) + [
        ("subcubefs", machine.run([programs.SUBCUBEFS, "--version"]).split()[-1]),
        ("build type", build_type()),
        ("date", datetime.date.today().isoformat()),
        ("whole run", "%.0f minutes" % (seconds / 60)),
    ]
    settings = {
        "command": shlex.join(options.command), "repeat": options.repeat,
        "parts": options.parts, "size": options.size, "parts_large": options.parts_large,
        "files": "%.1f million files" % (options.parts_large * FILES_A_PART * 1e-6),
    }
    os.makedirs(os.path.dirname(os.path.abspath(options.output)), exist_ok=True)
    with open(options.output, "w") as stream:
        stream.write(report.document(results, facts, settings))
    say("written: " + options.output)


def main():
    options = parse(sys.argv[1:])
    if options.list:
        for rows, _ in measure.registry.chosen(re.compile(options.only)):
            for row in rows:
                print("%-22s %s%s" % (row.name, row.what, " | " + row.against if row.against else ""))
        return 0
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(143))
    start = time.monotonic()
    where = datasets.Data(options.dir or os.path.join(programs.BUILD, "data"), options.parts, options.size,
                      options.parts_large, say)
    os.environ["XDG_CACHE_HOME"] = where.path("cache")
    # nobody writes what was made for this run, so there is nothing to wait for
    os.environ["XDG_CONFIG_HOME"] = where.path("config")
    os.makedirs(where.path("config") + "/subcubefs", exist_ok=True)
    with open(where.path("config") + "/subcubefs/config", "w") as stream:
        stream.write("settle = 0\n")
    machine.raise_file_limit()
    try:
        results = measure_all(options, where)
        if results:
            write_report(options, results, where, time.monotonic() - start)
        print(report.summary(results), end="")
    finally:
        if not (options.keep or options.dir):
            say("removing the data")
            datasets.remove(where.directory)
    return 1 if any(r.error for r in results) or not results else 0


if __name__ == "__main__":
    sys.exit(main())
