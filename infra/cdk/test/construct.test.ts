import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { App, Stack, aws_cloudwatch as cloudwatch, aws_secretsmanager as secrets, aws_sns_subscriptions as subscriptions } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { parse } from "yaml";
import { Lamplighter, LamplighterProps, Mode } from "../lib";

const FILE = join(__dirname, "../../../template.yaml");

/** The template as CloudFormation's JSON: short forms written out. */
function written(): any {
  const names = ["Ref", "Condition"];
  const tag = (name: string, kind: "scalar" | "seq" | "map") => ({
    tag: `!${name}`,
    collection: kind === "scalar" ? undefined : kind,
    resolve: (value: any) => {
      const plain = kind === "scalar" ? value : value.toJSON();
      const whole = name === "GetAtt" && kind === "scalar" ? [plain.split(".")[0], plain.split(".").slice(1).join(".")] : plain;
      return { [names.includes(name) ? name : `Fn::${name}`]: whole };
    },
  });
  const tags = ["Ref", "Condition", "Sub", "GetAtt", "If", "Equals", "Not", "And", "Or", "Join", "Select", "Split"];
  const customTags = tags.flatMap((name) => [tag(name, "scalar"), tag(name, "seq"), tag(name, "map")]) as any;
  return JSON.parse(JSON.stringify(parse(readFileSync(FILE, "utf8"), { customTags })));
}

/** A folder with an empty function for each of the template. */
function binaries(template: any): string {
  const folder = mkdtempSync(join(tmpdir(), "lamplighter-"));
  for (const resource of Object.values<any>(template.Resources)) {
    if (resource.Type !== "AWS::Serverless::Function") continue;
    const name = resource.Properties.CodeUri.split("/").filter(Boolean).pop();
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "bootstrap"), name);
  }
  return folder;
}

function synthesised(props: LamplighterProps): any {
  const template = written();
  const stack = new Stack(new App(), "lamplighter");
  new Lamplighter(stack, "Lamplighter", { binaries: binaries(template), ...props });
  return Template.fromStack(stack).toJSON();
}

/** Without what only tells where code is. */
function withoutCode(resources: any): any {
  const copy = structuredClone(resources);
  for (const resource of Object.values<any>(copy)) {
    delete resource.Metadata;
    if (resource.Type === "AWS::Serverless::Function") delete resource.Properties.CodeUri;
  }
  return copy;
}

test("resources, conditions and outputs are those of the template that SAM deploys", () => {
  const [sam, cdk] = [written(), synthesised({})];
  assert.deepEqual(withoutCode(cdk.Resources), withoutCode(sam.Resources));
  for (const part of ["Conditions", "Outputs", "Globals", "Transform"]) {
    assert.deepEqual(cdk[part], sam[part], part);
  }
});

test("every function's code is an asset", () => {
  const functions = Object.values<any>(synthesised({}).Resources).filter(({ Type }) => Type === "AWS::Serverless::Function");
  assert.equal(functions.length, 15);
  const keys = new Set(functions.map(({ Properties }) => JSON.stringify(Properties.CodeUri.Key)));
  assert.equal(keys.size, 15);
});

test("every parameter of the template is a property, and stands where it belongs", () => {
  const all: LamplighterProps = {
    alertEmail: "ops@example.com", alertInterval: 1, messagesPerMinute: 2, ackLinks: true, requestApi: true, notifyFindings: false, notifyAlarms: true,
    notifyJobs: true, digestHour: 8, timeZone: "Europe/Rome", costs: false, mode: Mode.OBSERVE, cpuPeak: 70, requestsPerSecond: 20,
    backupAt: "04:00", retentionDays: 14, drillVpc: "vpc-0123456789abcdef0", checkCluster: "checks",
    checkSubnets: ["subnet-0123456789abcdef0"], rolloutsPerHour: 3, adoptionsAtOnce: 2, actionsPerRun: 50, passableRoles: ["arn:aws:iam::123456789012:role/ecs/*"],
    logRetentionDays: 7, caBundle: "/etc/roots.pem",
    protectLedger: true,
    channels: { secretFullArn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:channels-AbCdEf" } as any,
    interactions: { secretFullArn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:buttons-AbCdEf" } as any,
    vaultRole: { roleArn: "arn:aws:iam::345678901234:role/vault" } as any,
  };
  const cdk = synthesised(all);
  assert.deepEqual(Object.keys(cdk.Parameters ?? {}).filter((name) => name !== "BootstrapVersion"), []);
  const text = JSON.stringify(cdk);
  for (const value of ["ops@example.com", "Europe/Rome", "observe", "04:00", "vpc-0123456789abcdef0", "secret:channels", "secret:buttons", "role/vault",
    "role/ecs/*"]) {
    assert.ok(text.includes(value), value);
  }
});

test("two of them can live in one account", () => {
  const app = new App();
  const folder = binaries(written());
  const stacks = ["one", "two"].map((name) => {
    const stack = new Stack(app, name);
    new Lamplighter(stack, "Lamplighter", { binaries: folder });
    return stack;
  });
  const names = stacks.map((stack) => JSON.stringify(Template.fromStack(stack).toJSON()));
  // Nothing has a name of its own but by the stack's.
  assert.equal(names[0], names[1]);
});

test("where there are no functions the error says how to build them", () => {
  const stack = new Stack(new App(), "lamplighter");
  assert.throws(() => new Lamplighter(stack, "Lamplighter", { binaries: "/nowhere" }), /no function in \/nowhere.*cargo lambda build/);
});

test("what is made in the stack, or in another one, may be named", () => {
  const app = new App();
  const other = new Stack(app, "other");
  const stack = new Stack(app, "lamplighter");
  const channels = new secrets.Secret(other, "Channels");
  const lamplighter = new Lamplighter(stack, "Lamplighter", { binaries: binaries(written()), channels });
  const mine = new Stack(app, "mine");
  lamplighter.topic.addSubscription(new subscriptions.EmailSubscription("me@example.com"));
  new cloudwatch.CfnAlarm(mine, "Busy", { comparisonOperator: "GreaterThanThreshold", evaluationPeriods: 1, alarmActions: [lamplighter.scaleArn] });
  app.synth();
  const template = Template.fromStack(stack).toJSON();
  assert.deepEqual(template.Conditions.HasChannels, { "Fn::Not": [{ "Fn::Equals": ["given", ""] }] });
  assert.match(JSON.stringify(template.Resources.AlertRole.Properties.Policies), /Fn::ImportValue/);
  assert.match(JSON.stringify(Template.fromStack(mine).toJSON().Resources.Busy), /Fn::ImportValue.*Scale/);
  assert.equal(template.Resources.Topic.Type, "AWS::SNS::Topic");
});

test("what a parameter would refuse a property refuses", () => {
  const refused = (props: LamplighterProps, said: RegExp) => assert.throws(() => synthesised(props), said);
  refused({ backupAt: "3:00" }, /BackupAt is 3:00: it must be a time of day such as 03:00/);
  refused({ retentionDays: 99 }, /RetentionDays is 99: it must be from 1 to 35/);
  refused({ interactions: { secretArn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:buttons" } as any }, /six letters/);
  refused({ channels: { secretArn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:channels" } as any }, /six letters/);
});
