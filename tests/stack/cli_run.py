"""Runs commands of the AWS CLI in order against the local stack, as people would paste them.

Usage: python cli_run.py ENDPOINT. Reads ``{"text": "...", "variables": {...}}`` from standard input. Ends at the first command
that fails, and says which.
"""

import io
import json
import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout

from awscli.clidriver import create_clidriver
from cli_check import VARIABLES, commands


def main(endpoint: str) -> int:
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-west-1")
    request = json.load(sys.stdin)
    VARIABLES.update(request.get("variables", {}))
    for words in commands(request["text"]):
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = create_clidriver().main([*words, "--endpoint-url", endpoint])
        print(f"aws {shlex.join(words)}\n{said.getvalue().strip()}")
        if code:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
