"""Change one line at a time and look whether the tests notice: a sample of such mutants, and those that survived."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import check, mutant

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("equivalent.toml")


def main() -> int:
    """Run a sample; return 0 where enough of it was caught, 1 where not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--seed", type=int, default=0, help="which sample (0)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time, each in a working copy of its own (2)")
    parser.add_argument("--only", default="", metavar="PATH", help="mutants of this file or folder alone")
    parser.add_argument("--tests", nargs="+", default=[], metavar="FILE", help="use the tests of these files alone")
    parser.add_argument(
        "--limit",
        type=float,
        default=120,
        metavar="SECONDS",
        help="tests for one mutant, as measured with coverage (120)",
    )
    parser.add_argument("--bound", type=float, default=90, metavar="PERCENT", help="how many must be caught (90)")
    parser.add_argument("--slow", action="store_true", help="slow tests, too, for lines that no quick one runs")
    parser.add_argument("--again", action="store_true", help="try those again that survived")
    parser.add_argument("--stale", action="store_true", help="measure again only test files that changed themselves")
    parser.add_argument("--as-root", action="store_true", help="run as root: in a container that may be thrown away")
    parser.add_argument("--report", action="store_true", help="print what was found so far, run nothing")
    parser.add_argument("--check-list", action="store_true", help="print entries of equivalent.toml that match nothing")
    options = parser.parse_args()
    if not (ROOT / options.only).exists():
        parser.error(f"--only {options.only}: there is no such file or folder")
    for file in options.tests:
        if file not in check.test_files(ROOT):
            parser.error(f"--tests {file}: there is no such file of tests")
    listed = mutant.read_list(LIST)
    mutants = mutant.find(ROOT, options.only)
    if options.check_list:
        stale = {key for key in listed if key[0].startswith(options.only)} - {m.key for m in mutants}
        for file, function, before, after, nth in sorted(stale):
            print(f"{file}, {function} (nth = {nth}) matches nothing any more:\n  - {before}\n  + {after}")
        return 1 if stale else 0
    if options.report:
        log = check.Log(ROOT / "build" / "mutants" / "log.jsonl")
        entries = [log.entries[m.digest] for m in mutants if m.digest in log.entries and m.key not in listed]
    else:
        if os.geteuid() == 0 and not options.as_root:
            sys.exit(
                "mutants: a mutant may do what root may, such as put a file in the place of a device (run this as "
                "another user, or with --as-root in a container of its own)"
            )
        tests = tuple(options.tests)
        how = check.Options(
            options.count, options.jobs, options.limit, options.slow, options.again, options.stale, tests
        )
        try:
            entries = check.run(ROOT, mutant.ranked(mutants, options.seed), set(listed), how)
        except check.BusyError as error:
            sys.exit(f"mutants: {error}")
    print(check.report(mutants, entries, check.tree(ROOT, options.tests)))
    caught = sum(entry["outcome"] in check.CAUGHT for entry in entries)
    count = caught + sum(entry["outcome"] in check.MISSED for entry in entries)
    return 0 if 100 * caught >= options.bound * count else 1


if __name__ == "__main__":
    sys.exit(main())
