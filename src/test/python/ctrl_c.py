"""Runs a command on a pseudo-terminal of its own and presses Ctrl-C there.

usage: python3 ctrl_c.py PATTERN SECONDS COMMAND [ARG ...]

Ctrl-C is pressed once the output matches the regular expression PATTERN. The output goes to standard output, the exit code
is the command's (128 + signal if it was killed), or 99 if it had not ended after SECONDS.
A signal sent by kill proves less: the progress bar behaves differently without a terminal, and a library that takes SIGINT
for itself shows only there.
"""
import os
import pty
import re
import select
import signal
import sys
import time

pattern, bound, command = re.compile(sys.argv[1].encode()), float(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    # A shell starts its background jobs with SIGINT ignored, and children inherit that; a terminal's do not.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    finally:
        os._exit(98)  # there is no such command

output, pressed, end = b"", False, time.monotonic() + bound
while time.monotonic() < end:
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        data = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side is closed
        break
    if not data:
        break
    output += data
    if not pressed and pattern.search(output):
        os.write(terminal, b"\x03")
        pressed = True
else:
    os.kill(pid, signal.SIGKILL)

status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(output)
sys.stdout.flush()
if time.monotonic() >= end:
    sys.exit(99)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
