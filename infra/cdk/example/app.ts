/** The least that a team writes: `cdk deploy` deploys it into the account and region of the shell. */
import { App, Stack } from "aws-cdk-lib";
import { Lamplighter, Mode } from "../lib";

const app = new App();
const stack = new Stack(app, "lamplighter", { description: "Lamplighter keeps the lights on for containerised applications" });
new Lamplighter(stack, "Lamplighter", {
  alertEmail: app.node.tryGetContext("alertEmail"),
  binaries: app.node.tryGetContext("binaries"),
  mode: Mode.OBSERVE,
});
