//! What is measured: our function, the least a Rust function costs, and the same calls in Python.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use e2e::testkit::setup::{clean_cargo, root, setup};
use lamplighter::Function;

const MUSL: &str = "x86_64-unknown-linux-musl";

pub struct Subject {
    pub name: &'static str,
    pub command: Vec<String>,
    /// It rolls images out; the others only start.
    pub deploys: bool,
}

impl Subject {
    /// Bytes of the executable and of its zip; none for a script.
    pub fn sizes(&self) -> Result<[Option<f64>; 2], String> {
        let [executable] = self.command.as_slice() else {
            return Ok([None, None]);
        };
        let size = fs::metadata(executable)
            .map_err(|e| format!("{executable}: {e}"))?
            .len();
        let zip = "import io,sys,zipfile\nb=io.BytesIO()\nwith zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED,compresslevel=9) as z: z.write(sys.argv[1],'bootstrap')\nprint(len(b.getvalue()))";
        let output = Command::new(setup()?.python)
            .args(["-c", zip, executable])
            .output()
            .map_err(|e| e.to_string())?;
        let zipped = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
        #[expect(
            clippy::cast_precision_loss,
            reason = "an executable is far below 2^52 bytes"
        )]
        Ok([Some(size as f64), zipped])
    }
}

/// Builds all subjects. The first is `deploy`, which the others are compared with.
pub fn subjects() -> Result<Vec<Subject>, String> {
    for function in Function::ALL {
        build(function.package(), "release", None)?;
    }
    build("hello", "release", None)?;
    build("hello", "stock", None)?;
    let mut subjects: Vec<Subject> = Function::ALL.map(function).into();
    subjects.extend([
        rust(
            "hello, one thread, same profile",
            "release/hello-bare",
            false,
        ),
        rust(
            "hello, default runtime, same profile",
            "release/hello-default",
            false,
        ),
        rust(
            "hello, default runtime, Cargo's own profile",
            "stock/hello-default",
            false,
        ),
    ]);
    // The target and a C compiler for it are extras.
    match build("deploy", "release", Some(MUSL)) {
        Ok(()) => subjects.insert(
            1,
            rust(
                "deploy, static musl",
                &format!("{MUSL}/release/deploy"),
                true,
            ),
        ),
        Err(said) => println!("without the static build: {said}"),
    }
    let script = root().join("tests/src/tools/bench/baseline.py");
    let command = [setup()?.python, script].map(|path| path.to_string_lossy().into_owned());
    subjects.push(Subject {
        name: "the same calls, Python and boto3",
        command: command.into(),
        deploys: true,
    });
    Ok(subjects)
}

fn function(function: Function) -> Subject {
    rust(
        function.name(),
        &format!("release/{}", function.name()),
        function == Function::Deploy,
    )
}

fn rust(name: &'static str, path: &str, deploys: bool) -> Subject {
    Subject {
        name,
        command: vec![target().join(path).to_string_lossy().into_owned()],
        deploys,
    }
}

fn target() -> PathBuf {
    setup().map_or_else(
        |_| root().join("target"),
        |setup| {
            setup
                .binaries
                .parent()
                .map_or_else(PathBuf::new, Into::into)
        },
    )
}

fn build(package: &str, profile: &str, triple: Option<&str>) -> Result<(), String> {
    let mut cargo = clean_cargo();
    cargo.args([
        "build",
        "--quiet",
        "--package",
        package,
        "--profile",
        profile,
    ]);
    if let Some(triple) = triple {
        cargo.args(["--target", triple]);
        if env::var_os("CC_x86_64_unknown_linux_musl").is_none() {
            cargo.env("CC_x86_64_unknown_linux_musl", "gcc");
        }
    }
    let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("cargo said nothing");
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{package} ({profile}): {first}"))
    }
}
