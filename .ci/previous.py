"""Prints the newest earlier form of a SAM template that deploys something else: ``previous.py TEMPLATE``. Nothing where none is known."""

import subprocess
import sys

from samcli.yamlhelper import yaml_parse

# Comments and descriptions are no update to CloudFormation.
DEPLOYED = ("Globals", "Mappings", "Conditions", "Resources")


def git(*arguments: str) -> str:
    """What it prints; nothing where there is no history."""
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True).stdout


def deployed(text: str) -> list:
    document = yaml_parse(text)
    return [document.get(part) for part in DEPLOYED]


def main(template: str) -> None:
    with open(template, encoding="utf-8") as file:
        now = deployed(file.read())
    for commit in git("log", "--format=%H", "--", template).split():
        earlier = git("show", f"{commit}:{template}")
        if earlier and deployed(earlier) != now:
            print(earlier, end="")
            return


main(*sys.argv[1:])
