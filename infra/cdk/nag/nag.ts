/**
 * Judges templates by the AWS Solutions pack of cdk-nag: `node dist/nag/nag.js TEMPLATE.json…`, as `.ci/plain.py` writes them. Ends
 * with 1 where something is found that is not explained below, or where something is explained that is not found any more.
 */
import { basename } from "node:path";
import { App, Aspects, Stack } from "aws-cdk-lib";
import { Annotations, Match } from "aws-cdk-lib/assertions";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { AwsSolutionsChecks } from "cdk-nag";

/** Template, resource (none for all), the beginning of what is found, and why it stays. */
const EXPLAINED: [string, string | undefined, string, string][] = [
  ["template", undefined, "AwsSolutions-IAM5[Resource::", "docs/permissions.md: limited by tags and names where IAM can; CI fails where a right is unused"],
  ["template", "LinksKey", "AwsSolutions-SMG4", "links are good for a day; a new key would end those that people have"],
  ["template", "LogBucket", "AwsSolutions-S1", "written by CloudWatch Logs alone; who reads it, CloudTrail says where a team wants that"],
  ["template", "AcknowledgePage", "AwsSolutions-APIG4", "the link itself is what is checked: signed, for a day and one use"],
  ["template", "AcknowledgeStage", "AwsSolutions-APIG1", "what a link did is in the log of the function and in the ledger; a request without a good link does nothing"],
  ["template", "InteractSlackRoute", "AwsSolutions-APIG4", "the function checks Slack's signature, which an authorizer can't: it covers the body"],
  ["template", "InteractPagerDutyRoute", "AwsSolutions-APIG4", "the same with PagerDuty's"],
  ["template", "InteractStage", "AwsSolutions-APIG1", "who pressed what is in the journal; what isn't signed does nothing"],
  ["template", "RequestStage", "AwsSolutions-APIG1", "each request is in the journal with its caller; what IAM refuses reaches no function"],
  ["template", "DrillGroup", "CdkNagValidationFailure[AwsSolutions-EC23]", "its one rule lets in CheckGroup, which the pack can't read; none lets in addresses"],
  ["vault", "Role", "AwsSolutions-IAM5[Resource::", "as docs/permissions.md: snapshots named lamplighter-…, and keys that their policies open to it"],
  ["vault", "Role", "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]", "what RDS asks for to copy a snapshot under a key"],
  ["vault", "Role", "AwsSolutions-IAM5[Action::kms:ReEncrypt*]", "the same"],
  ["vault", "VaultRole", "AwsSolutions-IAM5[Resource::", "reads all snapshots, which IAM can't limit, and changes those named lamplighter-… of its own account"],
  ["app", "LoadBalancerGroup", "AwsSolutions-EC23", "the example serves the public"],
  ["app", "LoadBalancer", "AwsSolutions-ELB2", "an example: access logs need a bucket of the team's own"],
  ["app", "Secret", "AwsSolutions-SMG4", "an example: rotation needs a function that knows the database"],
  ["app", "ExecutionRole", "AwsSolutions-IAM4", "the policy that ECS's documentation names for this role"],
  ["app", "ExecutionRole", "CdkNagValidationFailure[AwsSolutions-IAM5]", "its one resource is the secret, chosen by a condition that the pack can't read"],
  ["app", "TaskDefinition", "AwsSolutions-ECS2", "where database and cache answer, which is no secret; what logs in comes from the secret"],
  ["app", "InstanceRole", "AwsSolutions-IAM4", "the policy that ECS's documentation names for instances"],
  ["app", "Instances", "AwsSolutions-AS3", "ECS starts and ends instances with the tasks all day; nobody wants to hear of each"],
  ["app", "Postgres", "AwsSolutions-RDS11", "reached from the service's group alone, on whatever port"],
  ["app", "Aurora", "AwsSolutions-RDS11", "the same"],
  ["app", "Postgres", "CdkNagValidationFailure[AwsSolutions-RDS10]", "protected where ProtectDatabase says so, which the pack can't read"],
  ["app", "Aurora", "CdkNagValidationFailure[AwsSolutions-RDS10]", "the same"],
  ["app", "Docdb", "AwsSolutions-DOC2", "the same"],
  ["app", "Aurora", "AwsSolutions-RDS6", "the example logs in by its secret, which is what Lamplighter restarts it for"],
  ["app", "Docdb", "AwsSolutions-DOC5", "asks for names that DocumentDB's exports do not have: they are audit and profiler"],
  ["app", "Docdb", "CdkNagValidationFailure[AwsSolutions-DOC3]", "the user's name is in the secret, which the pack can't read"],
];

const used = new Set<number>();
let failed = false;
for (const file of process.argv.slice(2)) {
  const template = basename(file, ".json");
  const stack = new Stack(new App(), template);
  new CfnInclude(stack, "Template", { templateFile: file });
  Aspects.of(stack).add(new AwsSolutionsChecks());
  const annotations = Annotations.fromStack(stack);
  for (const { id, entry } of [...annotations.findError("*", Match.anyValue()), ...annotations.findWarning("*", Match.anyValue())]) {
    const [resource, said] = [basename(id), String(entry.data)];
    const at = EXPLAINED.findIndex(([of, name, what]) => of === template && (name ?? resource) === resource && said.startsWith(what));
    if (at >= 0) used.add(at);
    else console.error(`${template}: ${resource}: ${said.split("\n")[0]}`);
    failed ||= at < 0;
  }
}
for (const [at, [template, resource, what]] of EXPLAINED.entries()) {
  if (used.has(at)) continue;
  console.error(`${template}: ${resource ?? "every resource"}: ${what} is explained in nag.ts and not found any more`);
  failed = true;
}
process.exitCode = failed ? 1 : 0;
