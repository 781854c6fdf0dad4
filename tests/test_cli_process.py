"""`xnet` as a process: exit status, closed pipes, full disks, Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_cases import ENVIRONMENT, command, saved
from marks import needs_dev_full

import xnet as xn

pytestmark = pytest.mark.usefixtures("own_folder")


def test_as_a_module() -> None:
    line = command("train", "digits", "--epochs", "1", "--quiet")
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", env=ENVIRONMENT, check=True)
    assert "accuracy: " in done.stdout
    assert done.stderr == ""


def test_a_closed_pipe_is_no_error() -> None:
    saved()
    rows = [f"{i},{i}" for i in range(20_000)]
    Path("long.csv").write_text("\n".join(["length,weight", *rows]))
    line = command("predict", "net", "long.csv")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as pipe:
        assert pipe.stdout is not None
        assert pipe.stderr is not None
        pipe.stdout.readline()
        pipe.stdout.close()
        assert pipe.stderr.read() == b""
    assert pipe.returncode == 141


@needs_dev_full
@pytest.mark.parametrize("line", ["info", "info --json", "--help", "--version", "predict net long.csv", "train moons"])
def test_a_full_output_is_reported_in_one_line(line: str) -> None:
    if line.startswith("predict"):
        saved()
        Path("long.csv").write_text("length,weight\n" + "1,2\n" * 20_000)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*line.split()), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    assert done.stderr == b"xnet: the output must be writable; got No space left on device\n"
    assert done.returncode == 2


@needs_dev_full
def test_with_both_outputs_full_the_status_is_still_2() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("info"), stdout=full, stderr=full, env=ENVIRONMENT, check=False)
    assert done.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sh")
def test_a_closed_output_is_reported_in_one_line() -> None:
    line = ["sh", "-c", '"$0" "$@" >&-', *command("info")]
    done = subprocess.run(line, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    assert done.stderr == b"xnet: the output must be writable; got a closed standard output\n"
    assert done.returncode == 2


# In a shell's background SIGINT is ignored, which a new process inherits.
HEED = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from xnet.cli import main; "


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_saves_what_was_trained() -> None:
    """The progress line, shown where colours are forced, tells that training is on its way."""
    line = [sys.executable, "-c", HEED + "sys.exit(main())", "train", "moons", "--epochs", "20000", "--save", "net"]
    environment = ENVIRONMENT | {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as train:
        assert train.stdout is not None
        assert train.stderr is not None
        shown = b""
        while b"cost" not in shown and (more := os.read(train.stderr.fileno(), 4096)):
            shown += more
        train.send_signal(signal.SIGINT)
        out, err = train.communicate(timeout=60)
    assert train.returncode == 130, shown + err
    assert b", by Ctrl-C: " in out
    assert b", 0 ms a step" not in out
    assert b"accuracy: " in out
    assert b"Traceback" not in err
    assert xn.load("net").classes == ("0", "1")
