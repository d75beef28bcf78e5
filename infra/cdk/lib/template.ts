/**
 * The template as it is, in a stack of the CDK. The constructs that the CDK has for SAM's types know fewer properties than SAM
 * does, and refuse some that SAM takes; so it goes in unread.
 */
import { readFileSync } from "node:fs";
import { CfnElement, CfnResource, Token } from "aws-cdk-lib";
import { Construct } from "constructs";
import { CollectionTag, ScalarTag, parse } from "yaml";

/** Any part of a template. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Section = any;

const SHORT = ["Ref", "Condition", "Sub", "GetAtt", "If", "Equals", "Not", "And", "Or", "Join", "Select", "Split"];

/** Reads a template; the short forms of its functions are written out. */
export function read(file: string): Section {
  const whole = (name: string, value: Section): Section => {
    const isPath = name === "GetAtt" && typeof value === "string";
    const dot = isPath ? value.indexOf(".") : 0;
    const key = name === "Ref" || name === "Condition" ? name : `Fn::${name}`;
    return { [key]: isPath ? [value.slice(0, dot), value.slice(dot + 1)] : value };
  };
  const scalars: ScalarTag[] = SHORT.map((name) => ({ tag: `!${name}`, resolve: (value) => whole(name, value) }));
  const lists: CollectionTag[] = SHORT.map((name) => ({
    tag: `!${name}`,
    collection: "seq",
    resolve: (value) => whole(name, (value as Section).toJSON()),
  }));
  const document = parse(readFileSync(file, "utf8"), { customTags: [...scalars, ...lists] });
  // What was made of short forms within short forms is plain now as well.
  return JSON.parse(JSON.stringify(document));
}

/** The template with values in place of parameters. */
export function withValues(template: Section, values: Record<string, unknown>): Section {
  const unknown = Object.keys(values).filter((name) => !(name in template.Parameters));
  if (unknown.length > 0) throw new Error(`the template has no parameter ${unknown.join(", ")}`);
  const { Parameters, Conditions, ...rest } = template;
  for (const [name, value] of Object.entries(values)) check(name, Parameters[name], value);
  // No condition may ask for what is made in a stack; all that they ask of it is whether it is given.
  const asked = Object.entries(values).map(([name, value]) => [name, Token.isUnresolved(value) ? "given" : value]);
  const open = Object.fromEntries(Object.entries(Parameters).filter(([name]) => !(name in values)));
  const conditions = replaced(Conditions, Object.fromEntries(asked));
  return { ...replaced(rest, values), Conditions: conditions, ...(Object.keys(open).length > 0 && { Parameters: open }) };
}

/** What CloudFormation would refuse of a parameter. */
function check(name: string, parameter: Section, value: unknown): void {
  if (Token.isUnresolved(value)) return;
  const { AllowedPattern, AllowedValues, MinValue, MaxValue, ConstraintDescription } = parameter;
  const said = String(value);
  const isBad =
    (AllowedPattern !== undefined && !new RegExp(AllowedPattern).test(said)) ||
    (AllowedValues !== undefined && !AllowedValues.map(String).includes(said)) ||
    (MinValue !== undefined && Number(value) < MinValue) ||
    (MaxValue !== undefined && Number(value) > MaxValue);
  const bounds = ConstraintDescription ?? (AllowedValues ? `must be one of ${AllowedValues.join(", ")}` : `must be from ${MinValue} to ${MaxValue}`);
  if (isBad) throw new Error(`${name} is ${said}: it ${bounds}`);
}

function replaced(part: Section, values: Record<string, unknown>): Section {
  if (Array.isArray(part)) return part.map((one) => replaced(one, values));
  if (part === null || typeof part !== "object") return part;
  if (typeof part.Ref === "string" && part.Ref in values) return text(values[part.Ref]);
  if ("Fn::Sub" in part) {
    const [said, variables] = Array.isArray(part["Fn::Sub"]) ? part["Fn::Sub"] : [part["Fn::Sub"], {}];
    const own = replaced(variables, values);
    for (const [name, value] of Object.entries(values)) {
      if (said.includes(`\${${name}}`)) own[name] = text(value);
    }
    return { "Fn::Sub": Object.keys(own).length > 0 ? [said, own] : said };
  }
  return Object.fromEntries(Object.entries(part).map(([key, one]) => [key, replaced(one, values)]));
}

/** Parameters are text wherever they are used. */
function text(value: unknown): unknown {
  return typeof value === "number" ? String(value) : value;
}

/** All sections of a template, beside what else is in the stack. */
export class Included extends CfnElement {
  constructor(scope: Construct, id: string, private readonly template: Section) {
    super(scope, id);
  }

  /** What the CDK merges into the stack's template. */
  _toCloudFormation(): object {
    const { Resources, Parameters, Conditions, Outputs, Globals } = this.template;
    return { Resources, Parameters, Conditions, Outputs, Globals };
  }
}

/** A resource that the template has, for what refers to it: within its stack by its name, from another one by an export. */
export class Known extends CfnResource {
  constructor(scope: Construct, name: string, type: string) {
    super(scope, `The${name}`, { type });
    this.overrideLogicalId(name);
  }

  /** The template has it already. */
  _toCloudFormation(): object {
    return {};
  }
}
