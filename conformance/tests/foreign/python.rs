//! aioquic at the other end of the transport `quic`: it speaks QUIC and TLS 1.3 well, and has no node's key.

use std::fs;
use std::path::{Path, PathBuf};

use super::Host;
use super::tools::{folder, installed, run, script, skip};

/// A Python of its own with aioquic.
async fn install() -> Result<PathBuf, String> {
    let folder = folder("python");
    let wanted = fs::read_to_string(script("requirements.txt")).unwrap();
    let python = folder.join("bin/python");
    installed(&folder, &wanted, async || {
        run(Path::new("python3"), &["-m", "venv", "."], &folder).await?;
        let requirements = script("requirements.txt");
        let requirements = requirements.to_string_lossy();
        let arguments = ["-m", "pip", "install", "--quiet", "-r", &*requirements];
        run(&python, &arguments, &folder).await.map(drop)
    })
    .await?;
    Ok(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn aioquic_is_refused_without_a_nodes_key() {
    let python = match install().await {
        Ok(python) => python,
        Err(problem) => return skip("aioquic_is_refused_without_a_nodes_key", &problem),
    };
    let host = Host::new("quic").await;
    let place = host.address.parts("quic").unwrap().place.to_owned();
    let (name, port) = place.rsplit_once(':').unwrap();
    let script = script("quic.py");
    let arguments = [&*script.to_string_lossy(), name, port];
    let output = run(&python, &arguments, &folder("python")).await;
    let output = output.unwrap_or_else(|problem| panic!("{problem}"));
    let lines: Vec<&str> = output.lines().collect();
    let expected =
        ["without a certificate: refused", "with a certificate: refused", "another ALPN: refused"];
    assert_eq!(lines, expected, "{output}");
    // A node still gets through.
    let friend = super::node("quic", 2);
    let connection = friend.connect(&host.address).await.unwrap();
    let limits = igor_core::Limits::default();
    igor_node::shell::wire::ping(&*connection, &limits).await.unwrap();
}
