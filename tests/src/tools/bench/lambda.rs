//! A Lambda execution environment of one process: the runtime API on a loopback port.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::subjects::Subject;

pub struct Lambda {
    process: Child,
    listener: TcpListener,
    /// The connection on which the process waits for its next event.
    waiting: Option<TcpStream>,
    /// From exec to the first GET /next, in milliseconds.
    pub init_ms: f64,
}

impl Lambda {
    /// Starts a process and waits until it asks for its first event.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(subject: &Subject, environment: &[(String, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("no port: {e}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|e| panic!("no address: {e}"));
        let mut command = Command::new(&subject.command[0]);
        command
            .args(&subject.command[1..])
            .env_clear()
            .envs(
                environment
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str())),
            )
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let started = Instant::now();
        let process = command
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", subject.name));
        let mut lambda = Self {
            process,
            listener,
            waiting: None,
            init_ms: 0.0,
        };
        let (stream, _) = lambda.request();
        lambda.init_ms = started.elapsed().as_secs_f64() * 1_000.0;
        lambda.waiting = Some(stream);
        lambda
    }

    /// Hands an event over and waits for its answer. Answers the milliseconds between.
    ///
    /// # Errors
    /// The error that the function answers.
    pub fn invoke(&mut self, event: &Value) -> Result<f64, String> {
        let mut waiting = self.waiting.take().ok_or("nobody waits for an event")?;
        let deadline = jiff::Timestamp::now().as_millisecond() + 300_000;
        let body = event.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: bench\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        waiting
            .write_all(head.as_bytes())
            .map_err(|e| e.to_string())?;
        self.waiting = Some(waiting);
        let (mut stream, request) = self.request();
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
        stream
            .write_all(accepted.as_bytes())
            .map_err(|e| e.to_string())?;
        self.waiting = Some(stream);
        let (stream, _) = self.request();
        self.waiting = Some(stream);
        if request.starts_with("POST") && request.contains("/error ") {
            return Err(request
                .rsplit("\r\n\r\n")
                .next()
                .unwrap_or_default()
                .to_owned());
        }
        Ok(took)
    }

    /// The next request of the process, on the connection it has or on a new one.
    fn request(&mut self) -> (TcpStream, String) {
        let deadline = Instant::now() + Duration::from_secs(30);
        if let Some(mut stream) = self.waiting.take()
            && let Some(request) = read(&mut stream)
        {
            return (stream, request);
        }
        self.listener
            .set_nonblocking(true)
            .unwrap_or_else(|e| panic!("{e}"));
        loop {
            if let Ok((mut stream, _)) = self.listener.accept() {
                stream
                    .set_nonblocking(false)
                    .unwrap_or_else(|e| panic!("{e}"));
                if let Some(request) = read(&mut stream) {
                    return (stream, request);
                }
            }
            assert!(Instant::now() < deadline, "the process asks for nothing");
            std::hint::spin_loop();
        }
    }

    /// The most memory the process ever had, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap_or_default();
        line.trim()
            .trim_end_matches(" kB")
            .parse::<f64>()
            .map_or(f64::NAN, |kib| kib / 1_024.0)
    }

    /// CPU time of all threads so far, in milliseconds.
    pub fn cpu_ms(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id()))
            .into_iter()
            .flatten()
            .flatten();
        let nanoseconds = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<f64>().ok()
        });
        nanoseconds.sum::<f64>() / 1e6
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One HTTP request with its body; `None` where the connection was closed.
fn read(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        request.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| {
            line.strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        });
        let whole = match length {
            Some(length) => body.len() >= length,
            None => !head.contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
        };
        if whole {
            return Some(text.into_owned());
        }
    }
}
