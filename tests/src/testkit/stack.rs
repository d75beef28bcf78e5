//! The local stack as a process: started, given our template, asked, and gone with its owner.

use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::testkit::api::Api;
use crate::testkit::setup::{Setup, root, setup};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-west-1";
pub const STACK: &str = "lamplighter";
/// Gets the messages.
pub const EMAIL: &str = "ops@example.com";
/// How long anything that should happen may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running stack. Stops when it is dropped, and by itself when its owner ends.
pub struct Stack {
    api: Api,
    process: Child,
    stdin: Option<ChildStdin>,
    folder: PathBuf,
}

/// The body of CreateBucket.
const LOCATION: &str = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";

impl Deref for Stack {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Stack {
    /// Starts a stack on a free port, with our template in it.
    ///
    /// # Errors
    /// One line: what is wrong and how to mend it.
    pub fn start(parameters: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_on(0, parameters)
    }

    /// Starts a stack on a port (0 takes a free one) and deploys `infra/template.yaml` into it, with other
    /// parameters than the template's own where given.
    ///
    /// # Errors
    /// One line: what is wrong and how to mend it.
    pub fn start_on(port: u16, parameters: &[(&str, &str)]) -> Result<Self, String> {
        let stack = Self::start_empty(port)?;
        stack.deploy("CreateStack", STACK, parameters)?;
        Ok(stack)
    }

    /// Starts with another template of ours than that of this repository, such as an earlier one. Its roles are not judged
    /// until [`Stack::judge`]: they are not made for the functions of now.
    ///
    /// # Errors
    /// What CloudFormation says, or why the local stack does not start.
    pub fn start_as(file: &str) -> Result<Self, String> {
        let stack = Self::start_empty(0)?;
        stack.judge(false);
        stack.deploy_as(file, "CreateStack", STACK, &[])?;
        Ok(stack)
    }

    fn start_empty(port: u16) -> Result<Self, String> {
        let setup = setup()?;
        let folder = own_folder(&setup)?;
        let mut process = Command::new(&setup.python)
            .args(["-m", "stack", "--port", &port.to_string(), "--binaries"])
            .arg(&setup.binaries)
            .arg("--scratch")
            .arg(&folder)
            .env_clear()
            .envs([
                ("PATH", std::env::var_os("PATH").unwrap_or_default()),
                ("PYTHONPATH", root().join("tests").into()),
            ])
            .envs([("HOME", &folder), ("TMPDIR", &folder)])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(
                fs::File::create(folder.join("stderr"))
                    .map_or_else(|_| Stdio::inherit(), Stdio::from),
            )
            .spawn()
            .map_err(|e| format!("the local stack does not start: {e}"))?;
        let stdin = process.stdin.take();
        let mut first = String::new();
        let read = process
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).read_line(&mut first));
        let port = first
            .trim()
            .strip_prefix("ready ")
            .and_then(|port| port.parse::<u16>().ok());
        let Some((port, _)) = port.zip(read) else {
            let said = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            let _ = process.wait();
            let _ = fs::remove_dir_all(&folder);
            return Err(format!(
                "the local stack does not start: {}",
                said.trim().lines().last().unwrap_or("it said nothing")
            ));
        };
        Ok(Self {
            api: Api::new(format!("http://127.0.0.1:{port}")),
            process,
            stdin,
            folder,
        })
    }

    /// Makes or updates a stack of our template. What is not given is as in the template.
    ///
    /// # Errors
    /// What CloudFormation says.
    pub fn deploy(
        &self,
        call: &str,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), String> {
        self.deploy_as("infra/template.yaml", call, name, parameters)
    }

    fn deploy_as(
        &self,
        file: &str,
        call: &str,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), String> {
        // Here minutes are seconds: each message is told by itself, unless a test asks for what the template says.
        let ours = [
            ("AlertEmail", EMAIL),
            ("AlertInterval", "0"),
            ("MessagesPerMinute", "600"),
        ];
        let ours = ours
            .iter()
            .filter(|(key, _)| parameters.iter().all(|(given, _)| given != key));
        let all: Vec<(&str, &str)> = ours.chain(parameters).copied().collect();
        self.deploy_template(file, call, name, &all)
    }

    /// The same of any template of this repository.
    ///
    /// # Errors
    /// What CloudFormation says.
    pub fn deploy_template(
        &self,
        file: &str,
        call: &str,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), String> {
        self.deploy_from(&self.api, file, (call, name), parameters)
    }

    /// Makes a vault for our stack in another account. Returns its role and its function.
    ///
    /// # Errors
    /// What CloudFormation says.
    pub fn deploy_vault(&self, account: &str, keep: &str) -> Result<(String, String), String> {
        let there = self.api.in_account(account);
        let source = self.output("BackupRoleArn");
        let parameters = [
            ("SourceRole", source.as_str()),
            ("Keep", keep),
            ("LeastAgeDays", "4"),
        ];
        let call = ("CreateStack", "lamplighter-vault");
        self.deploy_from(&there, "infra/vault.yaml", call, &parameters)?;
        let described = there.query(
            "cloudformation",
            "DescribeStacks",
            &[("StackName", "lamplighter-vault")],
        )?;
        let of_vault = |key: &str| find_output(&described, key).ok_or(format!("no output {key}"));
        let role = of_vault("VaultRole")?;
        self.deploy("UpdateStack", STACK, &[("VaultRole", &role)])?;
        Ok((role, of_vault("VaultFunction")?))
    }

    fn deploy_from(
        &self,
        api: &Api,
        file: &str,
        (call, name): (&str, &str),
        parameters: &[(&str, &str)],
    ) -> Result<(), String> {
        let template = fs::read_to_string(root().join(file)).map_err(|e| format!("{file}: {e}"))?;
        let template = template.replace("../target/lambda/", "s3://local-artifacts/");
        // As `sam deploy` does: ours is too large to be sent along.
        let bucket = format!("templates-{}", api.account());
        if call == "CreateStack" && name.starts_with(STACK) {
            api.put_object(&bucket, "", LOCATION)?;
        }
        let url = api.put_object(&bucket, name, &template)?;
        let mut form = vec![
            ("StackName".to_owned(), name.to_owned()),
            ("TemplateURL".to_owned(), url),
            (
                "Capabilities.member.1".to_owned(),
                "CAPABILITY_IAM".to_owned(),
            ),
            (
                "Capabilities.member.2".to_owned(),
                "CAPABILITY_AUTO_EXPAND".to_owned(),
            ),
        ];
        for (n, (key, value)) in parameters.iter().enumerate() {
            form.push((
                format!("Parameters.member.{}.ParameterKey", n + 1),
                (*key).to_owned(),
            ));
            form.push((
                format!("Parameters.member.{}.ParameterValue", n + 1),
                (*value).to_owned(),
            ));
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        api.query("cloudformation", call, &form)
            .map_err(|xml| format!("the template is refused: {xml}"))?;
        let (status, xml) = self.until("the template is deployed", || {
            let xml = api
                .query("cloudformation", "DescribeStacks", &[("StackName", name)])
                .ok()?;
            let status = xml
                .split("<StackStatus>")
                .nth(1)?
                .split('<')
                .next()?
                .to_owned();
            (!status.ends_with("IN_PROGRESS")).then_some((status, xml))
        });
        let wanted = if call == "CreateStack" {
            "CREATE_COMPLETE"
        } else {
            "UPDATE_COMPLETE"
        };
        if status == wanted {
            return Ok(());
        }
        let events = api
            .query(
                "cloudformation",
                "DescribeStackEvents",
                &[("StackName", name)],
            )
            .unwrap_or(xml);
        let reasons = events
            .split("<ResourceStatusReason>")
            .skip(1)
            .filter_map(|rest| rest.split('<').next());
        let reasons: Vec<&str> = reasons.filter(|reason| !reason.is_empty()).collect();
        Err(format!(
            "the template ends in {status}: {}",
            reasons.join("; ")
        ))
    }

    /// Lets functions do only what their roles allow, or anything.
    pub fn judge(&self, roles: bool) {
        self.control("settings", json!({"roles": roles}));
    }

    /// Deletes a stack.
    ///
    /// # Panics
    /// Where it is still there after a while.
    pub fn delete(&self, name: &str) {
        self.query("cloudformation", "DeleteStack", &[("StackName", name)])
            .unwrap_or_else(|xml| panic!("{xml}"));
        self.until("the stack is gone", || {
            let xml = self.query("cloudformation", "DescribeStacks", &[("StackName", name)]);
            xml.is_err().then_some(())
        });
    }

    /// An output of our CloudFormation stack.
    ///
    /// # Panics
    /// Where there is no such output.
    #[must_use]
    pub fn output(&self, key: &str) -> String {
        self.find_output(key)
            .unwrap_or_else(|| panic!("the stack has no output {key}"))
    }

    /// An output of our CloudFormation stack; `None` if it has none of this name.
    #[must_use]
    pub fn find_output(&self, key: &str) -> Option<String> {
        let xml = self
            .query("cloudformation", "DescribeStacks", &[("StackName", STACK)])
            .unwrap_or_default();
        find_output(&xml, key)
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`]; the text says what.
    pub fn until<T>(&self, what: &str, holds: impl FnMut() -> Option<T>) -> T {
        within(PATIENCE, holds).unwrap_or_else(|| {
            panic!(
                "within {} s it was not so that {what}\n{}",
                PATIENCE.as_secs(),
                self.logs()
            )
        })
    }

    /// Lets the sweeps run.
    ///
    /// # Panics
    /// Where the template has no schedule.
    pub fn sweep(&self) {
        let fired = self.control("schedule", json!({"name": "Sweep"}));
        assert!(
            fired["fired"].as_u64() > Some(0),
            "no schedule was fired: {fired}"
        );
    }

    /// Lets the schedules whose name contains this run again and again until something holds.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`]; the text says what.
    pub fn sweep_until<T>(
        &self,
        schedule: &str,
        what: &str,
        mut holds: impl FnMut() -> Option<T>,
    ) -> T {
        let mut looks = 0;
        self.until(what, || {
            if looks % 20 == 0 {
                self.control("schedule", json!({"name": schedule}));
            }
            looks += 1;
            holds()
        })
    }

    /// Where Slack, PagerDuty and webhooks are stood in for.
    #[must_use]
    pub fn people(&self) -> String {
        format!("{}/_people", self.api.endpoint())
    }

    /// Every e-mail so far.
    #[must_use]
    pub fn mail(&self) -> Vec<Value> {
        self.control("mail", json!({}))
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The calls of one action that functions made.
    #[must_use]
    pub fn calls_of(&self, action: &str) -> usize {
        self.function_calls()
            .iter()
            .filter(|call| *call == action)
            .count()
    }

    /// All calls that functions made, in order: `UpdateService`.
    #[must_use]
    pub fn function_calls(&self) -> Vec<String> {
        let calls = self.control("calls", json!({}));
        let calls = calls
            .as_array()
            .into_iter()
            .flatten()
            .filter(|call| call["caller"] == "function");
        calls
            .filter_map(|call| call["action"].as_str().map(str::to_owned))
            .collect()
    }

    /// The environment that a function of this stack gets, for starting one outside of it.
    #[must_use]
    pub fn environment(&self, mode: &str) -> Vec<(String, String)> {
        let queues = self
            .call("sqs", "ListQueues", json!({}))
            .unwrap_or_default();
        let urls = queues["QueueUrls"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let notices = urls
            .into_iter()
            .find(|url| url.contains("Notifications"))
            .unwrap_or_default();
        let settings = json!({"mode": mode, "table": self.output("LedgerTable"), "notices": notices, "topic": self.output("TopicArn")});
        let variables = [
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("LAMPLIGHTER", &settings.to_string()),
        ];
        variables
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// What ended in the dead-letter queue.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<Value> {
        let url = self.output("DeadLettersUrl");
        let request = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        let answer = self
            .call("sqs", "ReceiveMessage", request)
            .unwrap_or_default();
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        messages
            .iter()
            .filter_map(|m| serde_json::from_str(m["Body"].as_str()?).ok())
            .collect()
    }

    /// All that the functions logged, for a failed test and for reading.
    #[must_use]
    pub fn logs(&self) -> String {
        let groups = self
            .call("logs", "DescribeLogGroups", json!({}))
            .unwrap_or_default();
        let mut lines = Vec::new();
        for group in groups["logGroups"].as_array().into_iter().flatten() {
            let events = self.call(
                "logs",
                "FilterLogEvents",
                json!({"logGroupName": group["logGroupName"]}),
            );
            for event in events.unwrap_or_default()["events"]
                .as_array()
                .into_iter()
                .flatten()
            {
                lines.push(
                    event["message"]
                        .as_str()
                        .unwrap_or_default()
                        .trim_end()
                        .to_owned(),
                );
            }
        }
        lines.join("\n")
    }

    /// Keeps the stack running until the process is interrupted.
    pub fn keep(mut self) {
        let _ = self.process.wait();
    }
}

/// # Panics
/// Where a function called what its role does not allow, unless the test has failed already.
impl Drop for Stack {
    fn drop(&mut self) {
        if !panicking() {
            let denied = self.control("denied", json!({}));
            assert!(
                denied.as_array().is_some_and(Vec::is_empty),
                "roles lack what functions called: {denied}"
            );
        }
        drop(self.stdin.take());
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks again and again until there is an answer; `None` where there is none in time.
pub fn within<T>(time: Duration, mut holds: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = holds() {
            return Some(value);
        }
        if started.elapsed() > time {
            return None;
        }
        sleep(Duration::from_millis(40));
    }
}

/// Returns an output of a described stack; `None` if it has none of this name.
fn find_output(xml: &str, key: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<OutputKey>{key}</OutputKey>"))?;
    let value = after.split("<OutputValue>").nth(1)?;
    Some(value.split('<').next()?.to_owned())
}

fn own_folder(setup: &Setup) -> Result<PathBuf, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = setup.scratch.join(name);
    fs::create_dir_all(&folder).map_err(|e| format!("can't write to {}: {e}", folder.display()))?;
    Ok(folder)
}
