"""The command line. Each command is a module here, imported when it is called."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

import click

from n1codec import __version__, files
from n1codec.codec import CodecError

_COMMANDS = {
    "encode": "encode files",
    "decode": "decode .n1c files",
    "list": "show every codec, filter and alias",
    "info": "show what is in .n1c files",
    "cat": "read a stretch of a recording",
    "export": "write the original files of a .n1c file",
    "verify": "decode .n1c files and check them, write nothing",
    "recover": "give back what is whole of a .n1c file that was cut off",
    "repack": "code the electrical series of an NWB file anew",
    "eval": "run one codec over all files as the challenge does",
    "grid": "sweep codecs over all files",
    "search": "look for the best pipelines",
    "results": "show, compare and export results",
    "plot": "draw the results",
    "report": "write the results as one HTML page",
    "stats": "analyse recordings",
    "view": "look at recordings in the browser",
    "bench": "time our own kernels",
    "latency": "time packets of many channels",
    "events": "send spikes of many channels over a slow radio",
    "radio": "measure the road from lossless codecs to events, with its energy",
    "correlate": "correlate and order all recordings",
    "study": "compare known methods on recordings of many channels",
    "bases": "compare bases by rate and distortion",
    "quality": "say what lossy codecs do to spikes and their sorting",
    "spikes": "find spikes, code them, measure it",
    "data": "fetch, make and verify data sets",
    "train": "make a profile for an ADC or a probe",
}


_BENCH = frozenset({"matplotlib", "pandas", "PIL", "scipy"})
"""What the extra ``bench`` brings beside codecs; commands import it where they need it."""


class _Group(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*_COMMANDS]  # `list` is the module of that command, once it was imported

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return import_module(f"n1codec.cli.{name}").command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="n1codec")
def command() -> None:
    """The workbench for compression of neural recordings.

    \b
    Examples:
      n1codec list
      n1codec encode recording.wav recording.n1c "delta|zstd:level=19"
      n1codec grid --data recordings/
    """


def run(called: click.Command, program: str) -> int:
    """Run a command and return its exit code: 0 done, 1 the input or the machine is at fault, 2 wrong usage.

    An error is one line on stderr.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing half-written is left behind
    try:
        result = called.main(prog_name=program, standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else program
        return fail(name, f"{error.format_message()} (see {name} --help)", 2)
    except click.ClickException as error:
        return fail(program, error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return fail(program, "interrupted", 130)
    except BrokenPipeError:
        # Nobody reads on; keep the interpreter from saying so again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CodecError, OSError, MemoryError) as error:
        return fail(program, explain(error))
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _BENCH:
            raise
        return fail(program, f"needs the Python module {module} (pip install 'n1codec[bench]')")
    except RuntimeError as error:
        if type(error).__name__ != "BrokenProcessPool":
            raise
        return fail(program, "a worker process died (too little memory for so many --jobs?)")


def explain(error: BaseException) -> str:
    """Return an error as one line for a person."""
    return str(error) if isinstance(error, CodecError) else files.explain(error)


def say(program: str, message: str) -> None:
    """Print one line on stderr, whatever the names of files in it are made of."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in message)
    print(f"{program}: {line}", file=sys.stderr)


def fail(program: str, message: str, code: int = 1) -> int:
    """Print an error on stderr and return the exit code."""
    say(program, message)
    return code


def main() -> int:
    return run(command, "n1codec")
