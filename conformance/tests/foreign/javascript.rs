//! js-libp2p at the other end of the transport `libp2p`.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::world::sent_by_the_original;
use igor_core::format::Base64;
use igor_core::format::migrate::MigrateMessage;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::site::Site;
use super::tools::{folder, installed, run, script, skip};
use super::{Host, PRICE};

/// More than any agent may have in base64.
const ENDLESS: &str = "endless:40000000";

/// js-libp2p in a folder of its own, with the scripts beside it; once for all tests.
async fn install() -> &'static Result<PathBuf, String> {
    static DONE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    DONE.get_or_init(install_now).await
}

async fn install_now() -> Result<PathBuf, String> {
    let folder = folder("javascript");
    let wanted = fs::read_to_string(script("package.json")).unwrap();
    run(Path::new("node"), &["--version"], &folder).await?;
    installed(&folder, &wanted, async || {
        fs::write(folder.join("package.json"), &wanted).unwrap();
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Path::new("npm"), &arguments, &folder).await.map(drop)
    })
    .await?;
    for name in ["dialler.mjs", "libp2p.mjs", "migrate.mjs"] {
        fs::copy(script(name), folder.join(name)).unwrap();
    }
    Ok(folder)
}

/// The lines that a script prints.
async fn lines(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = run(Path::new("node"), arguments, folder).await;
    let output = output.unwrap_or_else(|problem| panic!("{problem}"));
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn js_libp2p_pings_a_node_and_asks_its_price() {
    let folder = match install().await {
        Ok(folder) => folder,
        Err(problem) => return skip("js_libp2p_pings_a_node_and_asks_its_price", problem),
    };
    let host = Host::new("libp2p").await;
    let lines = lines(folder, &["libp2p.mjs", &host.address.0]).await;
    let node_id = super::node("libp2p", 1).local().to_string();
    let expected = [
        json!({ "ping": "pong" }),
        json!({ "price_per_second": PRICE, "node_id": node_id }),
        json!({ "unknown": "refused" }),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn js_libp2p_delivers_an_agent_of_the_original() {
    let folder = match install().await {
        Ok(folder) => folder,
        Err(problem) => return skip("js_libp2p_delivers_an_agent_of_the_original", problem),
    };
    let mut site = Site::new().await;
    let (honest, mut forged) = (sent_by_the_original(), sent_by_the_original());
    let agent = honest.package.agent_id.parse().unwrap();
    forged.package.wasm_hash = Some(Base64(vec![0; 32]));
    for (name, transfer) in [("honest.json", honest), ("forged.json", forged)] {
        fs::write(folder.join(name), transfer.to_json_line()).unwrap();
    }
    let address = site.address.0.clone();
    let refused = lines(folder, &["migrate.mjs", &address, "forged.json", ENDLESS]).await;
    assert_eq!(refused.len(), 2, "{refused:?}");
    let answer = &refused[0]["answer"];
    assert_eq!((&answer["Success"], &answer["AgentID"]), (&json!(false), &json!("counter")));
    assert_eq!(answer["Error"], "WASM binary hash mismatch");
    // Who only sends may not hear why nobody reads on.
    let is_refused = refused[1]["answer"]["Success"] == false || refused[1]["lost"].is_string();
    assert!(is_refused, "{refused:?}");
    assert_eq!(site.declined(), ["WASM binary hash mismatch"]);
    assert_eq!(site.stored(&agent).await, []);
    let taken = lines(folder, &["migrate.mjs", &address, "honest.json"]).await;
    let answer = &taken[0]["answer"];
    assert_eq!((&answer["Success"], &answer["Error"]), (&json!(true), &json!("")), "{taken:?}");
    assert_eq!((site.tick(&agent).await, site.tick(&agent).await), (4, 5));
    assert!(!site.stored(&agent).await.is_empty());
}
