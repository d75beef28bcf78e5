"""Checks commands of the AWS CLI, as people paste them into a shell: the real command line parses each one, validates it
against AWS's own description of the call, and sends it where nothing listens.

Reads a text from standard input: lines of a shell, with comments. Prints each command that would be refused, and why.
"""

import io
import json
import os
import re
import shlex
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout

from awscli.clidriver import create_clidriver

# Any value: what a reader would set.
VARIABLES = {
    "CLASS": "db.r6g.large",
    "AUTH_TOKEN": "0123456789abcdef",
    "VAULT_PROFILE": "vault",
    "SECURITY_GROUPS": '["sg-1", "sg-2"]',
}
# What stands before a command that is written as a comment, and before its further lines.
COMMENT = re.compile(r"^# (?=aws |until |  --)", re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """The words of each command, with variables set. Assignments of the text count, and commands written as comments."""
    joined = COMMENT.sub("", text).replace("\\\n", " ").replace("; do", " ; do")
    nested = re.findall(r"\$\((aws [^)]*)\)", joined)
    joined = "\n".join([re.sub(r"\$\(aws [^)]*\)", "chosen-1", joined), *nested])
    known = dict(VARIABLES)
    found = []
    for line in joined.splitlines():
        words = shlex.split(line, comments=True)
        while words and words[0] in ("export", "until", "do", "&&"):
            words = words[1:]
        if words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            name, _, value = words[0].partition("=")
            known[name] = expand(value, known)
        elif words and words[0] == "aws":
            found.append([expand(word, known) for word in words[1 : end(words)]])
    return found


def end(words: list[str]) -> int:
    """Where the command ends: at a pipe or a redirection."""
    return next((n for n, word in enumerate(words) if word in ("|", ">", "&&", ";", "2>&1")), len(words))


def expand(word: str, known: dict) -> str:
    return re.sub(r"\$\{?([A-Z_]+)(?::\?)?\}?", lambda name: known.get(name[1], "chosen-1"), word)


def refusal(words: tuple[str, ...]) -> str | None:
    """Why the command would be refused; None if it would be sent. Nothing listens where it is sent."""
    # Only the second version of the AWS CLI knows this, and needs it.
    words = tuple(word for word in words if word not in ("--cli-binary-format", "raw-in-base64-out"))
    if "--profile" in words:
        at = words.index("--profile")
        words = words[:at] + words[at + 2 :]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            create_clidriver().main([*words, "--endpoint-url", "http://127.0.0.1:9"])
    except SystemExit:
        pass
    text = said.getvalue().strip()
    is_sent = "Could not connect to the endpoint URL" in text
    return None if is_sent else text.splitlines()[-1]


def main() -> int:
    os.environ.update(
        AWS_ACCESS_KEY_ID="check", AWS_SECRET_ACCESS_KEY="check", AWS_DEFAULT_REGION="eu-west-1", AWS_MAX_ATTEMPTS="1"
    )
    checked = sorted({tuple(words) for text in json.load(sys.stdin) for words in commands(text)})
    # The command line keeps what one command registered, so each gets its own; and they are slow to make.
    with ProcessPoolExecutor() as processes:
        refusals = list(processes.map(refusal, checked))
    refused = [
        f"aws {shlex.join(words)}\n  {why}" for words, why in zip(checked, refusals, strict=True) if why
    ]
    print(f"{len(checked)} commands")
    print("\n".join(refused), file=sys.stderr)
    return 1 if refused or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
