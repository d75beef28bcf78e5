/**
 * Includes the template in a CDK stack unchanged. The CDK's constructs for SAM resources lack some properties and reject others
 * that SAM accepts, so the template is not converted.
 */
import { readFileSync } from "node:fs";
import { CfnElement, CfnResource, Token } from "aws-cdk-lib";
import { Construct } from "constructs";
import { CollectionTag, ScalarTag, parse } from "yaml";

/** Any part of a template. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Section = any;

const SHORT = ["Ref", "Condition", "Sub", "GetAtt", "If", "Equals", "Not", "And", "Or", "Join", "Select", "Split"];

/** Parses a template and expands the short forms of intrinsic functions. */
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
  // Nested short forms are expanded, too.
  return JSON.parse(JSON.stringify(document));
}

/** Returns the template with values in place of parameters. */
export function withValues(template: Section, values: Record<string, unknown>): Section {
  const unknown = Object.keys(values).filter((name) => !(name in template.Parameters));
  if (unknown.length > 0) throw new Error(`the template has no parameter ${unknown.join(", ")}`);
  const { Parameters, Conditions, ...rest } = template;
  for (const [name, value] of Object.entries(values)) check(name, Parameters[name], value);
  // Conditions can't refer to resources of a stack. They only test if a parameter is given.
  const asked = Object.entries(values).map(([name, value]) => [name, Token.isUnresolved(value) ? "given" : value]);
  const open = Object.fromEntries(Object.entries(Parameters).filter(([name]) => !(name in values)));
  const conditions = replaced(Conditions, Object.fromEntries(asked));
  return { ...replaced(rest, values), Conditions: conditions, ...(Object.keys(open).length > 0 && { Parameters: open }) };
}

/** Returns the error that CloudFormation would give for a parameter value. */
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

/** Converts a parameter value to text, as CloudFormation does. */
function text(value: unknown): unknown {
  return typeof value === "number" ? String(value) : value;
}

/** Adds all sections of a template to the stack. */
export class Included extends CfnElement {
  constructor(scope: Construct, id: string, private readonly template: Section) {
    super(scope, id);
  }

  /** The sections that the CDK merges into the stack's template. */
  _toCloudFormation(): object {
    const { Resources, Parameters, Conditions, Outputs, Globals } = this.template;
    return { Resources, Parameters, Conditions, Outputs, Globals };
  }
}

/** A reference to a resource of the template: by name within its stack, by an export from another one. */
export class Known extends CfnResource {
  constructor(scope: Construct, name: string, type: string) {
    super(scope, `The${name}`, { type });
    this.overrideLogicalId(name);
  }

  /** The template already contains it. */
  _toCloudFormation(): object {
    return {};
  }
}
