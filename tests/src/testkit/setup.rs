//! Everything a fresh machine with Rust and Python 3.11+ still lacks: made once, under `target/`.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lamplighter::Function;

const REQUIREMENTS: &str = include_str!("../../stack/requirements.txt");
const PYTHONS: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python",
];

/// What a stack needs to start.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The Python of the virtual environment.
    pub python: PathBuf,
    /// Where the functions' executables are.
    pub binaries: PathBuf,
    /// Where stacks may put their files.
    pub scratch: PathBuf,
}

/// Prepares, once a process.
///
/// # Errors
/// One line: what is missing and how to get it.
pub fn setup() -> Result<Setup, String> {
    static SETUP: OnceLock<Result<Setup, String>> = OnceLock::new();
    SETUP.get_or_init(prepare).clone()
}

/// The project's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

fn prepare() -> Result<Setup, String> {
    let binaries = profile_folder()?;
    let target = binaries
        .parent()
        .ok_or("the executable is in no target folder")?
        .to_path_buf();
    let scratch = target.join("stacks");
    fs::create_dir_all(&scratch)
        .map_err(|e| format!("can't write to {}: {e}", scratch.display()))?;
    // Several test processes may get here at once; one does the work, the others wait.
    let lock = File::create(target.join("setup.lock"))
        .map_err(|e| format!("can't write to target/: {e}"))?;
    lock.lock()
        .map_err(|e| format!("can't lock target/setup.lock: {e}"))?;
    let python = virtual_environment(&target)?;
    build_functions(&binaries)?;
    Ok(Setup {
        python,
        binaries,
        scratch,
    })
}

/// `target/debug` for `target/debug/demo` and `target/debug/deps/scenes-…`.
fn profile_folder() -> Result<PathBuf, String> {
    let executable = env::current_exe().map_err(|e| format!("no path of this executable: {e}"))?;
    let folder = executable
        .parent()
        .ok_or("this executable is in no folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(folder.to_path_buf())
}

fn virtual_environment(target: &Path) -> Result<PathBuf, String> {
    let folder = target.join("python");
    let python = folder.join("bin").join("python");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    eprintln!("installing the emulator into {} (once)", folder.display());
    let base = find_python()?;
    let made = run(Command::new(&base)
        .args(["-m", "venv", "--clear"])
        .arg(&folder));
    made.map_err(|said| {
        format!("{base} can't make a virtual environment; on Debian and Ubuntu: apt install python3-venv ({said})")
    })?;
    let requirements = target.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)
        .map_err(|e| format!("can't write {}: {e}", requirements.display()))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "-r",
    ];
    let installed = run(Command::new(&python).args(pip).arg(&requirements));
    installed.map_err(|said| {
        format!("the emulator can't be installed: the first run needs a network with the Python package index ({said})")
    })?;
    fs::write(&complete, REQUIREMENTS)
        .map_err(|e| format!("can't write {}: {e}", complete.display()))?;
    Ok(python)
}

fn find_python() -> Result<String, String> {
    let mut too_old = None;
    for name in PYTHONS {
        let version =
            run(Command::new(name)
                .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]));
        let Ok(version) = version else { continue };
        let minor = version
            .trim()
            .strip_prefix("3.")
            .and_then(|minor| minor.parse::<u32>().ok());
        if minor.is_some_and(|minor| minor >= 11) {
            return Ok(name.to_owned());
        }
        too_old.get_or_insert(version.trim().to_owned());
    }
    let found = too_old.map_or("none was found".to_owned(), |version| {
        format!("found {version}")
    });
    Err(format!(
        "Python 3.11 or newer is needed ({found}): install it so that `python3` is on the PATH"
    ))
}

/// Builds what the stack runs, with the features that this package switches on, so that nothing is built
/// twice.
fn build_functions(binaries: &Path) -> Result<(), String> {
    let mut build = clean_cargo();
    build.args(["build", "--quiet", "--package", "e2e", "--lib", "--bins"]);
    build.args(["--package", "lamplighter-cli"]);
    for function in Function::ALL {
        build.args(["--package", function.package()]);
    }
    match binaries.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            build.args(["--profile", profile]);
        }
    }
    run(&mut build)
        .map(drop)
        .map_err(|said| format!("the functions don't build: {said}"))
}

/// Cargo, in the project's root, without what the Cargo that started this process told it about this
/// package: build scripts that look at that would run again.
#[must_use]
pub fn clean_cargo() -> Command {
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.current_dir(root());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|own| name.starts_with(own))
        {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a command; what it printed last if it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(said
        .lines()
        .rev()
        .find(|line| !line.starts_with("[notice]"))
        .unwrap_or("it said nothing")
        .to_owned())
}
