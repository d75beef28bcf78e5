"""Fails where a template, as `plain.py` writes it, has a type that CloudFormation does not know in every region."""

import json
import sys
from pathlib import Path

from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

failed = False
for file in sys.argv[1:]:
    types = {resource["Type"] for resource in json.loads(Path(file).read_text())["Resources"].values()}
    for region in sorted(REGIONS):
        if missing := sorted(types - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))):
            print(f"{file}: {region} has no {', '.join(missing)}")
            failed = True
sys.exit(failed)
