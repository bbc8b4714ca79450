"""A mutation check: `make mutants` breaks one line at a time and looks whether the tests notice.

Each module does one thing:

    mutant          what a mutant is, how a sample is drawn, and the list of equivalent mutants
    python_source   mutants of a Python file
    c_source        mutants of a C file
    copies          working copies of the checkout, where mutants are built and tested
    selection       which tests run which line, measured in such a copy
    plugin          the pytest plugin that measures it
    check           runs a sample, keeps a log, and reports

Why not one of the known tools: mutmut and cosmic-ray know Python alone and mutate whole packages rather than a seeded
sample of lines, universalmutator and Mull leave the choice of tests to the caller.
"""
