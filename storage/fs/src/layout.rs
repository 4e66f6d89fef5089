//! Which file holds which key: the original's layout, and `.igor/` for what the original did not have.
//! Only names; nothing here opens a file.

use igor_core::format::{AgentId, FundId, HistoryFile, Seq};
use igor_core::storage::{Key, Scope};

/// Everything that is not the original's.
pub(crate) const OWN: &str = ".igor";
/// The histories of all agents.
pub(crate) const HISTORY: &str = "history";
/// Locked by whoever claims the store.
pub(crate) const STORE_LOCK: &str = ".igor/.lock";
/// Locked while a commit touches content that agents share.
pub(crate) const SHARED_LOCK: &str = ".igor/.shared.lock";
/// Modules by hash. An agent id cannot begin with a dot, so none collides with these names.
pub(crate) const MODULES: &str = ".igor/.modules";
/// Manifests by hash.
pub(crate) const MANIFESTS: &str = ".igor/.manifests";
/// What was decided about where each agent is, in one folder, so that it can be listed.
pub(crate) const CUSTODIES: &str = ".igor/.custodies";

/// The redo logs, one of each opener that has one.
pub(crate) const REDO: &str = ".igor/.redo";
/// Locked by whoever makes a redo log or applies those of the dead, and shared by whoever reads those.
pub(crate) const REDO_LOCK: &str = ".igor/.redo/.lock";

/// The node's key.
pub(crate) const NODE: &str = ".igor/.node";

/// The endings of an agent's files directly in the store's directory.
const CHECKPOINT: &str = ".checkpoint";
const IDENTITY: &str = ".identity";
const RECEIPTS: &str = ".receipts";

/// The agent's own directory, out of the original's sight.
pub(crate) fn agent_dir(agent: &AgentId) -> String {
    format!("{OWN}/{agent}")
}

/// The agent's past checkpoints and other evidence.
pub(crate) fn history_dir(agent: &AgentId) -> String {
    format!("{HISTORY}/{agent}")
}

/// The agent's log.
pub(crate) fn journal(agent: &AgentId) -> String {
    format!("{OWN}/{agent}/journal")
}

/// Locked during a commit of the agent.
pub(crate) fn commit_lock(agent: &AgentId) -> String {
    format!("{OWN}/{agent}/commit.lock")
}

/// Locked by whoever claims the agent.
pub(crate) fn agent_lock(agent: &AgentId) -> String {
    format!("{OWN}/{agent}/agent.lock")
}

/// A file that is being written by a commit of the agent. It lies in the agent's own directory,
/// whatever it will become, so that who holds the commit lock can tell that it is left over.
pub(crate) fn temporary(agent: &AgentId, number: usize) -> String {
    format!("{OWN}/{agent}/{TEMPORARY}{number}")
}

/// The redo log of that number.
pub(crate) fn redo_log(number: u32) -> String {
    format!("{REDO}/{number}")
}

/// The number of the redo log that is called `name` in its directory.
pub(crate) fn redo_number(name: &str) -> Option<u32> {
    let number = name.parse().ok()?;
    (redo_log(number).rsplit('/').next() == Some(name)).then_some(number)
}

/// How the names of temporary files begin.
pub(crate) const TEMPORARY: &str = "temp-";

/// How the names of logs that were set aside begin; the position follows.
const ASIDE: &str = "aside-";

/// The agent's files directly in the store's directory.
pub(crate) fn top_files(agent: &AgentId) -> [String; 3] {
    [CHECKPOINT, IDENTITY, RECEIPTS].map(|ending| format!("{agent}{ending}"))
}

/// What was decided about where the agent is.
pub(crate) fn custody(agent: &AgentId) -> String {
    format!("{CUSTODIES}/{agent}")
}

/// Where the value of `key` lies.
pub(crate) fn path(key: &Key) -> String {
    match key {
        Key::Checkpoint(agent) => format!("{agent}{CHECKPOINT}"),
        Key::Identity(agent) => format!("{agent}{IDENTITY}"),
        Key::Receipts(agent) => format!("{agent}{RECEIPTS}"),
        Key::Record(agent) => format!("{OWN}/{agent}/record"),
        Key::History(agent, tick, copy) => {
            let file = HistoryFile::Checkpoint { tick: *tick, copy: *copy };
            format!("{HISTORY}/{agent}/{file}")
        }
        Key::Segment(agent, tick, copy) => {
            let file = HistoryFile::Segment { tick: *tick, copy: *copy };
            format!("{HISTORY}/{agent}/{file}")
        }
        Key::Summary(agent) => format!("{HISTORY}/{agent}/{}", HistoryFile::Summary),
        Key::Fund(agent, id) => {
            let file = HistoryFile::Fund(FundId::from_bytes(*id));
            format!("{HISTORY}/{agent}/{file}")
        }
        Key::Certificate(agent, epoch) => {
            format!("{HISTORY}/{agent}/{}", HistoryFile::Certificate { epoch: *epoch })
        }
        Key::Aside(agent, seq) => format!("{OWN}/{agent}/{ASIDE}{seq}"),
        Key::Wish(agent) => format!("{OWN}/{agent}/wish"),
        Key::Custody(agent) => custody(agent),
        Key::Module(hash) => format!("{MODULES}/{hash}.wasm"),
        Key::Manifest(hash) => format!("{MANIFESTS}/{hash}.json"),
        Key::Node => NODE.to_owned(),
    }
}

/// The directory whose names are the keys of `scope`.
pub(crate) fn scope_dir(scope: &Scope) -> String {
    match scope {
        Scope::Checkpoints => String::new(),
        Scope::History(agent)
        | Scope::Segments(agent)
        | Scope::Funds(agent)
        | Scope::Certificates(agent) => history_dir(agent),
        Scope::Custodies => CUSTODIES.to_owned(),
        Scope::Asides(agent) => agent_dir(agent),
    }
}

/// The key whose file is called `name` in the directory of `scope`, if that is how it would be called.
pub(crate) fn key(scope: &Scope, name: &str) -> Option<Key> {
    let key = match scope {
        Scope::Checkpoints => Key::Checkpoint(name.strip_suffix(CHECKPOINT)?.parse().ok()?),
        Scope::History(agent) => match name.parse().ok()? {
            HistoryFile::Checkpoint { tick, copy } => Key::History(agent.clone(), tick, copy),
            _ => return None,
        },
        Scope::Segments(agent) => match name.parse().ok()? {
            HistoryFile::Segment { tick, copy } => Key::Segment(agent.clone(), tick, copy),
            _ => return None,
        },
        Scope::Funds(agent) => match name.parse().ok()? {
            HistoryFile::Fund(id) => Key::Fund(agent.clone(), *id.as_bytes()),
            _ => return None,
        },
        Scope::Certificates(agent) => match name.parse().ok()? {
            HistoryFile::Certificate { epoch } => Key::Certificate(agent.clone(), epoch),
            _ => return None,
        },
        Scope::Custodies => Key::Custody(name.parse().ok()?),
        Scope::Asides(agent) => {
            Key::Aside(agent.clone(), Seq(name.strip_prefix(ASIDE)?.parse().ok()?))
        }
    };
    // Only the one spelling that writing would give: `7.ckpt` is not tick 7.
    (path(&key).rsplit('/').next() == Some(name)).then_some(key)
}

#[cfg(test)]
mod tests {
    use igor_core::format::Tick;

    use super::*;

    fn agent() -> AgentId {
        "a.b".parse().expect("an agent id")
    }

    #[test]
    fn the_originals_names_are_kept() {
        let zero = igor_core::format::Hash::ZERO;
        for (key, expected) in [
            (Key::Checkpoint(agent()), "a.b.checkpoint".to_owned()),
            (Key::Identity(agent()), "a.b.identity".to_owned()),
            (Key::Receipts(agent()), "a.b.receipts".to_owned()),
            (Key::History(agent(), Tick(7), 0), "history/a.b/0000000007.ckpt".to_owned()),
            (Key::History(agent(), Tick(7), 1), "history/a.b/0000000007_001.ckpt".to_owned()),
            (
                Key::History(agent(), Tick(u64::MAX), 4_000),
                "history/a.b/18446744073709551615_4000.ckpt".to_owned(),
            ),
            (
                Key::Fund(agent(), *b"0123456789abcdef"),
                "history/a.b/fund-30313233343536373839616263646566.rec".to_owned(),
            ),
            (Key::Segment(agent(), Tick(16), 0), "history/a.b/0000000016.seg".to_owned()),
            (Key::Segment(agent(), Tick(16), 1), "history/a.b/0000000016_001.seg".to_owned()),
            (Key::Summary(agent()), "history/a.b/collected.sum".to_owned()),
            (Key::Certificate(agent(), 2), "history/a.b/0000000002.cert".to_owned()),
            (Key::Custody(agent()), ".igor/.custodies/a.b".to_owned()),
            (Key::Aside(agent(), Seq(40)), ".igor/a.b/aside-40".to_owned()),
            (Key::Wish(agent()), ".igor/a.b/wish".to_owned()),
            (Key::Node, ".igor/.node".to_owned()),
            (Key::Record(agent()), ".igor/a.b/record".to_owned()),
            (Key::Module(zero), format!(".igor/.modules/{}.wasm", "0".repeat(64))),
            (Key::Manifest(zero), format!(".igor/.manifests/{}.json", "0".repeat(64))),
        ] {
            assert_eq!(path(&key), expected);
        }
    }

    #[test]
    fn a_name_is_listed_as_the_key_that_would_be_written_there() {
        let history = Scope::History(agent());
        for key in [
            Key::History(agent(), Tick(0), 0),
            Key::History(agent(), Tick(u64::MAX), u32::MAX),
            Key::History(agent(), Tick(7), 1),
        ] {
            let path = path(&key);
            let name = path.rsplit('/').next().expect("a file has a name");
            assert_eq!(super::key(&history, name), Some(key.clone()), "{path}");
            assert_eq!(super::key(&Scope::Funds(agent()), name), None, "{path}");
            assert_eq!(super::key(&Scope::Segments(agent()), name), None, "{path}");
        }
        for (scope, key) in [
            (Scope::Segments(agent()), Key::Segment(agent(), Tick(7), 0)),
            (Scope::Segments(agent()), Key::Segment(agent(), Tick(u64::MAX), u32::MAX)),
            (Scope::Asides(agent()), Key::Aside(agent(), Seq(u64::MAX))),
            (Scope::Certificates(agent()), Key::Certificate(agent(), 1)),
            (Scope::Certificates(agent()), Key::Certificate(agent(), u64::MAX)),
            (Scope::Custodies, Key::Custody(agent())),
        ] {
            let path = path(&key);
            let name = path.rsplit('/').next().expect("a file has a name");
            assert_eq!(super::key(&scope, name), Some(key.clone()), "{path}");
            assert_eq!(super::key(&history, name), None, "{path}");
        }
    }

    #[test]
    fn redo_logs_are_told_from_what_else_lies_there() {
        for number in [0, 7, u32::MAX] {
            let path = redo_log(number);
            let name = path.rsplit('/').next().expect("a file has a name");
            assert_eq!(redo_number(name), Some(number), "{path}");
        }
        for name in ["", ".lock", "07", "+7", "-1", "7.old", "4294967296"] {
            assert_eq!(redo_number(name), None, "{name}");
        }
    }

    #[test]
    fn other_names_are_no_keys() {
        let history = Scope::History(agent());
        for name in [
            "7.ckpt",
            "+000000007.ckpt",
            "0000000007_000.ckpt",
            "0000000007_1.ckpt",
            "0000000007.tmp",
            "00000000x7.ckpt",
            "99999999999999999999.ckpt",
            ".ckpt",
        ] {
            assert_eq!(key(&history, name), None, "{name}");
        }
        for name in ["fund-00.rec", "fund-3031323334353637383961626364656F.rec", "fund-.rec"] {
            assert_eq!(key(&Scope::Funds(agent()), name), None, "{name}");
        }
        for name in ["7.seg", "0000000007_000.seg", ".seg", "collected.seg", "fund-00.seg"] {
            assert_eq!(key(&Scope::Segments(agent()), name), None, "{name}");
        }
        for name in ["aside-", "aside-07", "aside-+7", "aside--1", "journal", "record"] {
            assert_eq!(key(&Scope::Asides(agent()), name), None, "{name}");
        }
        for name in ["2.cert", "0000000002_001.cert", ".cert", "0000000002.seg"] {
            assert_eq!(key(&Scope::Certificates(agent()), name), None, "{name}");
        }
        for name in ["", ".a", "a/b", ".."] {
            assert_eq!(key(&Scope::Custodies, name), None, "{name}");
        }
        for name in [".checkpoint", "..checkpoint", "a.checkpoint.tmp", ".a.checkpoint"] {
            assert_eq!(key(&Scope::Checkpoints, name), None, "{name}");
        }
    }
}
