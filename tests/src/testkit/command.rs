//! The command `lamplighter` and the AWS CLI, as a person or a pipeline runs them against the local stack.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;

use super::setup::{root, setup};
use super::stack::Stack;

/// What a command printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// `None` if it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A command that runs. It is stopped with the test that started it.
pub struct Running(Option<Child>);

impl Running {
    /// Returns `Some` once the command has ended.
    ///
    /// # Panics
    /// Where its state is unknown.
    pub fn has_ended(&mut self) -> Option<()> {
        let child = self.0.as_mut()?;
        child.try_wait().unwrap().map(drop)
    }

    /// Waits until the command ends.
    ///
    /// # Panics
    /// Where its output can't be read.
    pub fn finish(mut self) -> Ran {
        finish(self.0.take().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs the command to its end.
///
/// # Panics
/// Where it does not start.
pub fn run_command(stack: &Stack, arguments: &[&str]) -> Ran {
    start_command(stack, arguments).finish()
}

/// Runs the command with a text on its standard input.
///
/// # Panics
/// Where it does not start, or does not read.
pub fn run_with_input(stack: &Stack, arguments: &[&str], input: &str) -> Ran {
    let mut running = start_command(stack, arguments);
    let stdin = running.0.as_mut().and_then(|child| child.stdin.take());
    stdin.unwrap().write_all(input.as_bytes()).unwrap();
    running.finish()
}

/// Starts the command.
///
/// # Panics
/// Where it does not start.
pub fn start_command(stack: &Stack, arguments: &[&str]) -> Running {
    let executable = setup().unwrap().binaries.join("lamplighter");
    let url = find_request_url(stack);
    let own = url.iter().flat_map(|url| ["--request-url", url]);
    let child = Command::new(executable)
        .args(arguments)
        .args(own)
        .env_clear()
        .envs(stack.environment("act"))
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running(Some(child))
}

fn finish(child: Child) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Returns the address of the API for requests on the local stack, whose host names do not resolve; `None` without one.
fn find_request_url(stack: &Stack) -> Option<String> {
    let url = stack.find_output("RequestUrl")?;
    let host = url.split("://").nth(1).unwrap_or_default();
    let id = host.split('.').next().unwrap_or_default();
    Some(format!(
        "{}/_aws/execute-api/{id}/$default/",
        stack.endpoint()
    ))
}

/// Runs the commands of a text with the AWS CLI. Returns what it said.
///
/// # Panics
/// Where a command fails.
pub fn run_aws_cli(stack: &Stack, text: &str) -> String {
    let mut cli = Command::new(setup().unwrap().python)
        .arg(root().join("tests/stack/cli_run.py"))
        .arg(stack.endpoint())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = json!({ "text": text }).to_string();
    let mut stdin = cli.stdin.take().unwrap();
    stdin.write_all(request.as_bytes()).unwrap();
    drop(stdin);
    let ran = finish(cli);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}
