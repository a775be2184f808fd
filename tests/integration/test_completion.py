# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Shell completion: bash, zsh and fish ask the daemon, each by its own machinery. A shell that is
not installed is skipped, loudly; bash always is."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import urllib.parse

import pytest
from harness import BIN, DEADLINE_S, Daemon

FOLDER = os.path.join(os.environ["OCPPD_SOURCE_DIR"], "packaging", "completion")

# What is typed, and words that have to be offered for it.
CASES = [
    ("stat", {"stations"}),
    ("call CP-", {"CP-7", "CP-8"}),
    ("call CP-7 GetConf", {"GetConfiguration"}),
    ("call CP-7 Reset type=H", {"type=Hard"}),
    ("templates s", {"set", "show"}),
    ("call --select all GetConfiguration k", {"key="}),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("completion")) as running:
        for name in ("CP-7", "CP-8"):
            assert running.api("PUT", f"/v1/stations/{name}", {})[0] in (200, 201)
        yield running


def shell_of(name):
    path = shutil.which(name)
    if path is None:
        print(f"NOT TESTED: {name} is not installed", file=sys.stderr)
        pytest.skip(f"NOT TESTED: {name} is not installed")
    return path


def environment(tmp_path):
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def output_of(command, tmp_path):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                          env=environment(tmp_path), stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def whole(typed, offered):
    """bash is given what follows the last = only."""
    prefix = typed.split(" ")[-1].rpartition("=")
    return {word if "=" in word else prefix[0] + prefix[1] + word for word in offered}


@pytest.mark.parametrize("typed,expected", CASES, ids=[row[0] for row in CASES])
def test_bash(daemon, tmp_path, typed, expected):
    assert shutil.which("bash"), "bash is always there"
    line = f"ocppctl --socket {daemon.socket} {typed}"
    words = " ".join(f"'{word}'" for word in re.findall(r"[^\s=]+|=", line))
    text = output_of(["bash", "--norc", "-c", f"source {FOLDER}/ocppctl; COMP_WORDS=({words}); "
                      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ocppctl; "
                      'printf "%s\\n" "${COMPREPLY[@]}"'], tmp_path)
    assert expected <= whole(typed, text.split()), text


@pytest.mark.parametrize("typed,expected", CASES, ids=[row[0] for row in CASES])
def test_fish(daemon, tmp_path, typed, expected):
    shell = shell_of("fish")
    text = output_of([shell, "--no-config", "-c", f"source {FOLDER}/ocppctl.fish; "
                      f'complete -C "ocppctl --socket {daemon.socket} {typed}"'], tmp_path)
    assert expected <= {line.split("\t")[0] for line in text.splitlines()}, text


class Terminal:
    """A shell that believes somebody types."""

    def __init__(self, command, env):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, env)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        end = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, self.text
            if select.select([self.fd], [], [], 0.5)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        assert re.search(pattern, self.text), self.text

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("typed,expected", CASES, ids=[row[0] for row in CASES])
def test_zsh(daemon, tmp_path, typed, expected):
    terminal = Terminal([shell_of("zsh"), "-f", "-i"], environment(tmp_path))
    try:
        # The list of choices, written out: what the terminal shows is cut and coloured.
        terminal.type("unsetopt beep; PS1='READY'' '; setopt no_always_last_prompt list_ambiguous\n")
        terminal.wait("READY ")
        terminal.type(f"fpath=({FOLDER} $fpath); autoload -Uz compinit && compinit -u -D && "
                      "zstyle ':completion:*' list-prompt '' && zle -C all complete-word all_of && "
                      "all_of() { local -a seen; compadd() { builtin compadd -O seen \"$@\"; "
                      f"print -rl -- $seen >>{tmp_path}/seen; }}; _main_complete; "
                      f"unfunction compadd; print END >>{tmp_path}/seen; }}; "
                      "bindkey '^X' all && print LO''ADED\n")
        terminal.wait("LOADED")
        terminal.type(f"ocppctl --socket {daemon.socket} {typed}\x18")
        end = time.monotonic() + DEADLINE_S
        seen = tmp_path / "seen"
        while not seen.exists() or "END" not in seen.read_text(encoding="utf-8"):
            assert time.monotonic() < end, terminal.text
            time.sleep(0.02)
        assert expected <= set(seen.read_text(encoding="utf-8").split()), terminal.text
    finally:
        terminal.close()


@pytest.mark.parametrize("name", ["evil;>pwned", "evil$(>pwned)", "evil`>pwned`", "evil|>pwned", "evil\n>pwned"])
def test_identity_is_no_command(tmp_path, name):
    """Stations choose what they are called; who completes one and presses Enter runs ocppctl alone."""
    with Daemon(tmp_path) as daemon:
        status, _ = daemon.api("PUT", "/v1/stations/" + urllib.parse.quote(name, safe=""), {})
        if status == 400:
            assert "\n" in name
            return
        terminal = Terminal([shutil.which("bash"), "--norc", "--noprofile", "-i"],
                            {**environment(tmp_path), "PS1": "READY> "})
        try:
            terminal.wait("READY> ")
            terminal.type(f"cd {tmp_path} && source {FOLDER}/ocppctl && echo LOA''DED\n")
            terminal.wait("LOADED")
            terminal.type(f"ocppctl --socket {daemon.socket} stations show ev\t")
            terminal.wait("evil.*pwned")
            terminal.type("; echo DO''NE$?\n")
            terminal.wait("DONE0")
            assert f'"stationId": "{name}"' in terminal.text
            assert not (tmp_path / "pwned").exists()
            # And on from there: what is typed escaped is understood.
            terminal.type(f"ocppctl --socket {daemon.socket} stations show evil\\{name[4]}\t")
            terminal.wait(r"DONE0[\s\S]*show evil\S*pwned")
        finally:
            terminal.type("\x03exit\n")
            terminal.close()
