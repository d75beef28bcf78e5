"""Roles against what functions do: docs/permissions.md is the table of both, made from the template and from what every
function did while the tests ran on the local stack (target/roles, a line for each function and action).

usage: roles.py TARGET            fails where a role allows what nothing uses or lacks what was asked for, or the table is not up to date
       roles.py TARGET --write    writes the table
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "permissions.md"
# What AWS asks for without a call of a function's, and why.
OF_AWS = {
    "kms:Decrypt": "SNS, where a topic has a key of its own",
    "kms:GenerateDataKey": "SNS, where a topic has a key of its own",
    "kms:CreateGrant": "RDS, where a snapshot is copied or restored under a key",
    "kms:DescribeKey": "RDS, where a snapshot is copied or restored under a key",
    "ec2:CreateVpcEndpoint": "ElastiCache, where a serverless cache is restored",
    "ec2:CreateTags": "ElastiCache, where a serverless cache is restored",
    "ec2:DescribeVpcs": "ElastiCache, where a serverless cache is restored",
    "ec2:DescribeSubnets": "ElastiCache, where a serverless cache is restored",
    "ec2:DescribeSecurityGroups": "ElastiCache, where a serverless cache is restored",
    "ec2:DescribeVpcEndpoints": "ElastiCache, where a serverless cache is restored",
    "ec2:DescribeTags": "ElastiCache, where a serverless cache is restored or deleted",
    "s3:GetBucketAcl": "CloudWatch Logs, before an export",
    "rds:AddTagsToResource": "RDS, where what is made has tags",
    "elasticache:AddTagsToResource": "ElastiCache, where what is made has tags",
    "cloudwatch:TagResource": "CloudWatch, where a new alarm has tags",
    "inspector2:ListCoverage": "ECR, where scanning is enhanced",
    "inspector2:ListFindings": "ECR, where scanning is enhanced",
    "codedeploy:GetDeploymentConfig": "CodeDeploy, where a deployment is made",
    "codedeploy:GetApplicationRevision": "CodeDeploy, where a deployment is made",
    "codedeploy:RegisterApplicationRevision": "CodeDeploy, where a deployment is made",
    "Alert sqs:SendMessage": "Lambda, where an invocation has failed for good",
    "Alert sqs:ReceiveMessage": "Lambda, which reads the queue for it",
    "Alert sqs:DeleteMessage": "Lambda, which reads the queue for it",
    "Alert sqs:GetQueueAttributes": "Lambda, which reads the queue for it",
    "logs:CreateLogStream": "Lambda, which writes the log",
    "logs:PutLogEvents": "Lambda, which writes the log",
}
# What the local stack does not come to, for the emulator lacks it or a test would be long: it is done in the simulated world, and
# each call is tested by itself (shared/aws/tests/aws_edge*.rs).
ELSEWHERE = {
    "Deploy": {
        "ecr:DescribeImageScanFindings",
        "rds:CreateDBClusterSnapshot",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
    },
    "Rollout": {
        "codedeploy:CreateDeployment",
        "codedeploy:StopDeployment",
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
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
    },
}
HEAD = """# Permissions

Every function has a role of its own. This table is made from `infra/template.yaml` and from what the functions did while the tests
ran on the local stack, where each of them is held to its own role as IAM would hold it (`tests/stack/roles.py`, `tests/tests/local/roles.rs`):
a call that a role lacks is refused and fails CI, and so does a right that nothing uses. *(AWS)* marks what AWS asks for in the function's name
without a call of it; *(elsewhere)* what the local stack does not come to, which is tested call by call and in the simulated world.
Both are listed in `.ci/roles.py`, with the reason. *Not tried on AWS.*

`managed`: only what is tagged `lamplighter:managed = true`. `ours`: only what this stack has tagged as its own. Actions on `*` are those that
IAM can't limit to resources, and those that only look.

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
    """(statement, condition of the template) of a function's role."""
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "If" in statement:
                yield statement["If"][1], statement["If"][0]
            else:
                yield statement, ""


def resource(of) -> str:
    """A resource as a person reads it."""
    if isinstance(of, dict):
        (kind, name), = of.items()
        return f"the stack's {name.split('.')[0]}" if kind in ("GetAtt", "Ref") else str(name)
    if of == "*":
        return "`*`"
    if of.startswith("${"):
        return f"the stack's {of[2:].replace('.Arn}', '').replace('}', '')}"
    for placeholder, name in PLACEHOLDERS.items():
        of = of.replace("${" + placeholder + "}", name)
    # Behind partition, service, region and account; the region where it is not the stack's own.
    _, _, _, region, _, rest = of.split(":", 5)
    return f"`{rest}`" + (" in any region" if region == "*" else "")


def limits(statement) -> str:
    said = []
    for operator in (statement.get("Condition") or {}).values():
        for key, value in operator.items():
            if key.endswith("lamplighter:managed"):
                said.append("managed")
            elif key.endswith("lamplighter:stack"):
                said.append("ours")
            else:
                value = value if isinstance(value, list) else [value]
                said.append(f"{key.split(':', 1)[-1]} {' or '.join(str(one) for one in value)}".replace("|", "/"))
    return "; ".join(said)


def is_called(action) -> bool:
    """Whether the code has a call for it. Roles are handed over without one."""
    operation = action.split(":")[1]
    called = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
    sources = (ROOT / "shared" / "aws" / "src").glob("**/*.rs")
    return action == "iam:PassRole" or any(f".{called}()" in source.read_text() for source in sources)


def main() -> int:
    target, write = Path(sys.argv[1]), "--write" in sys.argv
    used = set()
    denied = sorted({line for file in (target / "roles").glob("denied-*.txt") for line in file.read_text().splitlines()})
    for line in denied:
        print(f"a role lacks a right that its function asked for: {line}")
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
        print(f"nothing uses the right {right}: take it out of infra/template.yaml, or say in .ci/roles.py who asks for it")
    lacking = sorted({(name, action) for name, actions in ELSEWHERE.items() for action in actions} - granted)
    for name, action in lacking:
        print(f"{name} needs the right {action}, says .ci/roles.py, and its role does not have it")
    if TABLE.read_text() != table:
        print("docs/permissions.md is not up to date: run .ci/roles.py with --write after the tests")
        return 1
    return 1 if unused or denied or lacking else 0


sys.exit(main())
