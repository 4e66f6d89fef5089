//! js-libp2p at the other end of the transport `libp2p`.

use std::fs;
use std::path::Path;

use super::tools::{folder, installed, run, script, skip};
use super::{Host, PRICE};

/// js-libp2p in a folder of its own, with the script beside it.
async fn install() -> Result<std::path::PathBuf, String> {
    let folder = folder("javascript");
    let wanted = fs::read_to_string(script("package.json")).unwrap();
    run(Path::new("node"), &["--version"], &folder).await?;
    installed(&folder, &wanted, async || {
        fs::write(folder.join("package.json"), &wanted).unwrap();
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Path::new("npm"), &arguments, &folder).await.map(drop)
    })
    .await?;
    fs::copy(script("libp2p.mjs"), folder.join("libp2p.mjs")).unwrap();
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn js_libp2p_pings_a_node_and_asks_its_price() {
    let folder = match install().await {
        Ok(folder) => folder,
        Err(problem) => return skip("js_libp2p_pings_a_node_and_asks_its_price", &problem),
    };
    let host = Host::new("libp2p").await;
    let output = run(Path::new("node"), &["libp2p.mjs", &host.address.0], &folder).await;
    let output = output.unwrap_or_else(|problem| panic!("{problem}"));
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let node_id = super::node("libp2p", 1).local().to_string();
    let expected = [
        serde_json::json!({ "ping": "pong" }),
        serde_json::json!({ "price_per_second": PRICE, "node_id": node_id }),
        serde_json::json!({ "unknown": "refused" }),
    ];
    assert_eq!(lines, expected, "{output}");
}
