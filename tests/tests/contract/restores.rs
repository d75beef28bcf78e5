//! The commands that people run when a database is lost: the AWS CLI must take each of them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::testkit::setup::{root, setup};

/// The commands of a page: its blocks for the shell.
fn commands_of_page(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

/// The plans that the core's tests hold to their texts, one for each kind of database and way to restore it.
fn plans() -> Vec<String> {
    let folder = root().join("shared/core/src/restore/snapshots");
    let plans = fs::read_dir(folder).unwrap().map(|plan| {
        let text = fs::read_to_string(plan.unwrap().path()).unwrap();
        let plan = text
            .split_once("\n---\n")
            .expect("a header of the snapshot");
        plan.1.to_owned()
    });
    plans.collect()
}

/// Lets the AWS CLI parse and validate commands without calling AWS. Returns what it counts, and what it refuses.
fn check(texts: &[String]) -> (String, String) {
    let setup = setup().unwrap();
    let mut checker = Command::new(setup.python)
        .arg(root().join("tests/stack/cli_check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(texts).unwrap();
    checker.stdin.take().unwrap().write_all(&input).unwrap();
    let said = checker.wait_with_output().unwrap();
    let [counted, refused] =
        [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
    (counted.trim().to_owned(), refused.trim().to_owned())
}

#[test]
fn the_aws_cli_takes_every_command_of_the_runbook_and_of_restore_plans() {
    let runbook = commands_of_page(&root().join("RESTORE.md"));
    let mut texts = plans();
    assert!(texts.len() >= 8, "a plan for each kind: {}", texts.len());
    texts.push(runbook);
    let (counted, refused) = check(&texts);
    assert_eq!(refused, "", "{counted}");
    let count: u32 = counted.trim_end_matches(" commands").parse().unwrap();
    assert!(count > 100, "{counted}");
}

#[test]
fn commands_that_aws_would_refuse_are_found() {
    let wrong = [
        "aws docdb add-role-to-db-cluster --db-cluster-identifier a --role-arn b",
        "aws docdb wait db-cluster-available --db-cluster-identifier a",
        "aws rds restore-db-cluster-from-snapshot --db-cluster-identifier a --snapshot-identifier b",
        "aws docdb create-db-instance --db-instance-identifier a --db-cluster-identifier b --engine docdb \
         --db-instance-class c --no-publicly-accessible",
    ];
    for command in wrong {
        let (_, refused) = check(&[command.to_owned()]);
        assert!(refused.starts_with("aws "), "{command}: {refused}");
    }
}

/// Runs the first way of a plan in a shell, step by step, as a person pastes it: a step that fails does not end the shell.
/// Steps that are comments run as well. `restores`: AWS takes the restore. Returns the calls that change something.
fn paste(plan: &str, restores: bool) -> Vec<String> {
    let way = plan.split("\n# ---- ").nth(1).unwrap();
    let steps = way.split("\n\n").skip(1).map(|step| {
        let lines = step
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line));
        let commands: Vec<&str> = lines.skip(1).collect();
        let commands = commands.join("\n");
        // A variable that is not set ends a shell that runs a script: here it ends the step. Only a restore sets one.
        if commands.contains("unset RESTORED") {
            format!("{{ :\n{commands}\n}}")
        } else {
            format!("( :\n{commands}\n)")
        }
    });
    let steps: Vec<String> = steps.collect();
    let code = if restores { 0 } else { 254 };
    let script = format!(
        "aws() {{ echo \"aws $*\"; case \"$2\" in restore-*|create-replication-group|create-serverless-cache) return {code};; esac; }}\n\
         SECURITY_GROUPS=sg-1 AUTH_TOKEN=secret\n{}\ntrue\n",
        steps.join("\n")
    );
    let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(ran.status.success(), "{script}\n{ran:?}");
    let said = String::from_utf8(ran.stdout).unwrap();
    let is_change = |call: &&str| {
        [
            "aws rds modify-",
            "aws docdb modify-",
            "aws neptune modify-",
            "create-db-instance",
            "add-role",
            "add-tags",
        ]
        .iter()
        .any(|change| call.contains(change))
    };
    let held = |call: &&str| !call.contains("lamplighter:hold");
    said.lines()
        .filter(is_change)
        .filter(held)
        .map(str::to_owned)
        .collect()
}

/// A restore fails if its name exists: what has the name then may be in use, and no further step touches it.
#[test]
fn nothing_is_changed_after_a_restore_that_failed() {
    for plan in plans() {
        assert_eq!(paste(&plan, false), Vec::<String>::new());
        assert!(!paste(&plan, true).is_empty(), "{plan}");
    }
}
