//! Load traces of others, which are not part of this project.

use std::path::Path;
use std::{env, fs, io};

use super::Curve;

/// The folder of load traces: a file `<name>.txt` each, one value a line, in requests per second by the minute.
const FOLDER: &str = "LOAD_TRACES";

/// Reads the traces of the folder that `LOAD_TRACES` names, by name; `None` if it is unset.
///
/// # Errors
/// The folder or a file can't be read, or a line is no number.
pub fn read_traces() -> io::Result<Option<Vec<Curve>>> {
    let Some(folder) = env::var_os(FOLDER) else {
        return Ok(None);
    };
    let mut files: Vec<_> = fs::read_dir(Path::new(&folder))?
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let traces: io::Result<Vec<Curve>> = files.iter().map(|file| read_trace(file)).collect();
    traces.map(Some)
}

fn read_trace(file: &Path) -> io::Result<Curve> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let rps = lines
        .map(|line| {
            line.trim().parse().map_err(|_| {
                let problem = format!("{}: {line:?} is no number", file.display());
                io::Error::new(io::ErrorKind::InvalidData, problem)
            })
        })
        .collect::<io::Result<Vec<f64>>>()?;
    let name = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Curve {
        about: format!("a trace of {} minutes", rps.len()),
        name,
        rps,
    })
}
