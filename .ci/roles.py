"""Compares the roles with the calls of the functions. docs/permissions.md is generated from the template and from the calls that
the functions made on the local stack during the tests (target/roles, one line for each function and action).

usage: roles.py TARGET            fails if a role has an unused permission or lacks a used one, or if the page is out of date
       roles.py TARGET --write    writes the page
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "permissions.md"
# Permissions that AWS requires without a call of the function, and why.
OF_AWS = {
    "kms:Decrypt": "SNS, if a topic has its own key",
    "kms:GenerateDataKey": "SNS, if a topic has its own key",
    "kms:CreateGrant": "RDS, to copy or restore an encrypted snapshot",
    "kms:DescribeKey": "RDS, to copy or restore an encrypted snapshot",
    "ec2:CreateVpcEndpoint": "ElastiCache, to restore a serverless cache",
    "ec2:CreateTags": "ElastiCache, to restore a serverless cache",
    "ec2:DescribeVpcs": "ElastiCache, to restore a serverless cache",
    "ec2:DescribeSubnets": "ElastiCache, to restore a serverless cache",
    "ec2:DescribeSecurityGroups": "ElastiCache, to restore a serverless cache",
    "ec2:DescribeVpcEndpoints": "ElastiCache, to restore a serverless cache",
    "ec2:DescribeTags": "ElastiCache, to restore or delete a serverless cache",
    "s3:GetBucketAcl": "CloudWatch Logs, before an export",
    "rds:AddTagsToResource": "RDS, to create a resource with tags",
    "elasticache:AddTagsToResource": "ElastiCache, to create a resource with tags",
    "cloudwatch:TagResource": "CloudWatch, to create an alarm with tags",
    "inspector2:ListCoverage": "ECR, with enhanced scanning",
    "inspector2:ListFindings": "ECR, with enhanced scanning",
    "codedeploy:GetDeploymentConfig": "CodeDeploy, to create a deployment",
    "codedeploy:GetApplicationRevision": "CodeDeploy, to create a deployment",
    "codedeploy:RegisterApplicationRevision": "CodeDeploy, to create a deployment",
    "Alert sqs:SendMessage": "Lambda, after the last retry of an invocation",
    "Alert sqs:ReceiveMessage": "Lambda, which reads the queue for the function",
    "Alert sqs:DeleteMessage": "Lambda, which reads the queue for the function",
    "Alert sqs:GetQueueAttributes": "Lambda, which reads the queue for the function",
    "logs:CreateLogStream": "Lambda, which writes the log",
    "logs:PutLogEvents": "Lambda, which writes the log",
}
# Calls that the local stack does not cover, because the emulator lacks them or a test would take too long. The simulated world
# covers them, and each call is tested alone (shared/aws/tests/adapters).
ELSEWHERE = {
    "Deploy": {
        "codedeploy:GetDeploymentGroup",
        "ecr:DescribeImageScanFindings",
        "rds:CreateDBClusterSnapshot",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
    },
    "Rollout": {
        "codedeploy:CreateDeployment",
        "codedeploy:StopDeployment",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCaches",
        "elasticache:ListTagsForResource",
        "iam:PassRole",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "tag:GetResources",
    },
    "Verify": {
        "ecs:ListServiceDeployments",
    },
    "Heal": {
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCaches",
        "elasticache:ListTagsForResource",
        "rds:DescribeDBClusters",
    },
    "Enroll": {
        "cloudtrail:LookupEvents",
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCaches",
        "elasticache:ListTagsForResource",
        "rds:DescribeDBClusters",
    },
    "Backup": {
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCacheSnapshots",
        "elasticache:DescribeServerlessCaches",
        "elasticache:DescribeSnapshots",
        "elasticache:ListTagsForResource",
        "rds:CopyDBClusterSnapshot",
        "rds:CreateDBClusterSnapshot",
        "rds:DeleteDBClusterSnapshot",
        "rds:DescribeDBClusterSnapshotAttributes",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:ModifyDBClusterSnapshotAttribute",
    },
    "Drill": {
        "ecs:StopTask",
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCacheSnapshots",
        "elasticache:DescribeServerlessCaches",
        "elasticache:DescribeSnapshots",
        "elasticache:ListTagsForResource",
        "iam:PassRole",
        "rds:CreateDBInstance",
        "rds:DeleteDBCluster",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:RestoreDBClusterFromSnapshot",
    },
    "Digest": {
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCacheSnapshots",
        "elasticache:DescribeServerlessCaches",
        "elasticache:DescribeSnapshots",
        "elasticache:ListTagsForResource",
        "rds:DescribeDBClusterAutomatedBackups",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
    },
}
HEAD = """# Permissions

Each function has its own role. This page is generated from `infra/template.yaml` and from the calls that the functions made on the
local stack during the tests, where each function is limited to its role as IAM would limit it (`tests/stack/roles.py`, `tests/tests/local/roles.rs`):
A call without permission is denied and fails CI, and so does an unused permission. *(AWS)* marks permissions that AWS requires without
a call of the function. *(elsewhere)* marks calls that the local stack does not cover: they are tested alone and in the simulated world.
Both are listed in `.ci/roles.py`, with the reason. *Not tried on AWS.*

`managed`: only resources with the tag `lamplighter:managed = true`. `ours`: only resources with the ownership tag of this stack. Actions on
`*` only read, or IAM supports no resources for them.

"""


PLACEHOLDERS = {
    "AWS::Partition": "aws",
    "AWS::Region": "REGION",
    "AWS::AccountId": "ACCOUNT",
    "AWS::StackName": "STACK",
    "CheckCluster": "CLUSTER",
}


class Loader(yaml.SafeLoader):
    pass


def short(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return node.value if suffix == "Sub" else {suffix: node.value}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, True)}
    return {suffix: loader.construct_mapping(node, True)}


Loader.add_multi_constructor("!", short)


def statements(role):
    """Yields each statement of a role with its condition in the template."""
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "If" in statement:
                yield statement["If"][1], statement["If"][0]
            else:
                yield statement, ""


def resource(of) -> str:
    """Formats a resource for the page."""
    if isinstance(of, dict):
        (kind, name), = of.items()
        return f"the stack's {name.split('.')[0]}" if kind in ("GetAtt", "Ref") else str(name)
    if of == "*":
        return "`*`"
    if of.startswith("${"):
        return f"the stack's {of[2:].replace('.Arn}', '').replace('}', '')}"
    for placeholder, name in PLACEHOLDERS.items():
        of = of.replace("${" + placeholder + "}", name)
    # The part after partition, service, region and account, and the region if it is not the stack's.
    _, _, _, region, _, rest = of.split(":", 5)
    return f"`{rest}`" + (" in any region" if region == "*" else "")


def limits(statement) -> str:
    parts = []
    for operator in (statement.get("Condition") or {}).values():
        for key, value in operator.items():
            if key.endswith("lamplighter:managed"):
                parts.append("managed")
            elif key.endswith("lamplighter:stack"):
                parts.append("ours")
            else:
                value = value if isinstance(value, list) else [value]
                values = [one["Ref"] if isinstance(one, dict) and "Ref" in one else str(one) for one in value]
                parts.append(f"{key.split(':', 1)[-1]} {' or '.join(values)}".replace("|", "/"))
    return "; ".join(parts)


def is_called(action) -> bool:
    """Reports whether the code contains the call. iam:PassRole needs none."""
    operation = action.split(":")[1]
    called = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
    sources = (ROOT / "shared" / "aws" / "src").glob("**/*.rs")
    return action == "iam:PassRole" or any(f".{called}()" in source.read_text() for source in sources)


def main() -> int:
    target, write = Path(sys.argv[1]), "--write" in sys.argv
    used = set()
    denied = sorted({line for file in (target / "roles").glob("denied-*.txt") for line in file.read_text().splitlines()})
    for line in denied:
        print(f"a role lacks a permission that its function used: {line}")
    for file in (target / "roles").glob("used-*.txt"):
        used.update(tuple(line.split(" ")) for line in file.read_text().splitlines())
    template = yaml.load((ROOT / "infra" / "template.yaml").read_text(), Loader)
    lines, unused, granted = [HEAD], [], set()
    for name, function in template["Resources"].items():
        if function["Type"] != "AWS::Serverless::Function":
            continue
        lines.append(f"## {name}\n\n{function['Properties']['Description']}.\n\n| action | on | only |\n|---|---|---|\n")
        for statement, condition in statements(template["Resources"][f"{name}Role"]):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            on = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            only = "; ".join(filter(None, [limits(statement), f"if {condition}" if condition else ""]))
            for action in actions:
                of_aws = {action, f"{name} {action}"} & OF_AWS.keys()
                elsewhere = action in ELSEWHERE.get(name, ())
                granted.add((name, action))
                if not of_aws and not elsewhere and (name, action) not in used or elsewhere and not is_called(action):
                    unused.append(f"{name}: {action}")
                mark = " *(AWS)*" if of_aws else " *(elsewhere)*" if elsewhere else ""
                lines.append(f"| `{action}`{mark} | {', '.join(resource(one) for one in on)} | {only} |\n")
        lines.append("\n")
    table = "".join(lines).rstrip() + "\n"
    if write:
        TABLE.write_text(table)
    for right in sorted(set(unused)):
        print(f"unused permission {right}: remove it from infra/template.yaml, or state in .ci/roles.py what requires it")
    lacking = sorted({(name, action) for name, actions in ELSEWHERE.items() for action in actions} - granted)
    for name, action in lacking:
        print(f"{name}: .ci/roles.py lists the permission {action}, but its role lacks it")
    if TABLE.read_text() != table:
        print("docs/permissions.md is out of date: run .ci/roles.py with --write after the tests")
        return 1
    return 1 if unused or denied or lacking else 0


sys.exit(main())
