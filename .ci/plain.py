"""Writes a SAM template as CloudFormation deploys it: ``plain.py TEMPLATE OUT``. Needs what is in requirements.txt."""

import json
import os
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoPolicies:
    """Policies of AWS by name, of which the template has none."""

    def load(self):
        return {}


def main(template: str, out: str) -> None:
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    with open(template, encoding="utf-8") as file:
        document = yaml_parse(file.read())
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # Code is elsewhere by then.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    plain = transform(document, {}, NoPolicies()) if "Transform" in document else document
    with open(out, "w", encoding="utf-8") as file:
        json.dump(plain, file, indent=1)


main(*sys.argv[1:])
