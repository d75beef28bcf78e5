//! The first HTTPS call of a process: CPU from the event's arrival to its answer, one call made.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use e2e::testkit::setup::setup;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::lambda::Lambda;
use crate::median;
use crate::subjects::Subject;

/// Processes measured; the median is printed.
const PROCESSES: usize = 21;
/// Answers any request as GetResources answers where nothing is tagged.
const SERVER: &str = r"
import http.server, ssl, sys
class Nothing(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        body = b'{\x22ResourceTagMappingList\x22: [], \x22PaginationToken\x22: \x22\x22}'
        self.send_response(200)
        self.send_header('content-type', 'application/x-amz-json-1.1')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Nothing)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
import threading
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
";

pub fn first_call(subjects: &[Subject]) -> Result<(), String> {
    println!(
        "\n{:<44} {:>9} {:>9}",
        "an event with its first HTTPS call", "CPU ms", "ms"
    );
    let setup = setup()?;
    let folder = setup.scratch.join(format!("https-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let (root, chain) = certificates().map_err(|e| format!("no certificate: {e}"))?;
    let (root_file, chain_file) = (folder.join("root.pem"), folder.join("chain.pem"));
    fs::write(&root_file, root)
        .and_then(|()| fs::write(&chain_file, chain))
        .map_err(|e| e.to_string())?;
    let mut server = Command::new(&setup.python)
        .args(["-c", SERVER])
        .arg(&chain_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("the HTTPS server does not start: {e}"))?;
    let mut port = String::new();
    let stdout = server.stdout.take().ok_or("no output")?;
    BufReader::new(stdout)
        .read_line(&mut port)
        .map_err(|e| e.to_string())?;
    let root_file = root_file.to_string_lossy().into_owned();
    let environment: Vec<(String, String)> = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "123456789012"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_CA_BUNDLE", root_file.as_str()),
        (
            "AWS_ENDPOINT_URL",
            &format!("https://localhost:{}", port.trim()),
        ),
        (
            "LAMPLIGHTER",
            "{\"table\": \"t\", \"notices\": \"q\", \"topic\": \"t\"}",
        ),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let sweep = json!({"detail-type": "Scheduled Event", "source": "aws.events", "id": "bench", "detail": {}});
    for subject in subjects
        .iter()
        .filter(|subject| subject.deploys && subject.command.len() == 1)
    {
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for _ in 0..PROCESSES {
            let mut lambda = Lambda::start(subject, &environment);
            let before = lambda.cpu_ms();
            wall.push(lambda.invoke(&sweep)?);
            cpu.push(lambda.cpu_ms() - before);
        }
        println!(
            "{:<44} {:>9.2} {:>9.2}",
            subject.name,
            median(cpu),
            median(wall)
        );
    }
    drop(server.stdin.take());
    let _ = server.wait();
    fs::remove_dir_all(&folder).map_err(|e| e.to_string())
}

/// A root that nothing else trusts, and a server's key and chain under it, as PEM.
fn certificates() -> Result<(String, String), rcgen::Error> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &root)?;
    Ok((
        root.pem(),
        format!("{}{}", key.serialize_pem(), server.pem()),
    ))
}
