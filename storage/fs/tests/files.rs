//! What lies on the real disk: names, rights, links, leftovers. What a store must do whatever it keeps its
//! values in is the suite's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use igor_core::Storage;
use igor_core::format::{AgentId, Hash, Seq, Tick};
use igor_core::storage::{Batch, Claim, Committed, Group, Key, Precondition, Scope, StorageError};
use igor_storage_fs::vfs::{Access, Metadata, OsVfs, Vfs, VfsFile};
use igor_storage_fs::{FsConfig, FsStorage};
use pollster::block_on;
use tempfile::TempDir;

fn agent(name: &str) -> AgentId {
    name.parse().unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> FsStorage {
    FsStorage::open(directory, &FsConfig::default()).unwrap()
}

fn commit(store: &dyn Storage, group: Group) -> Result<Committed, StorageError> {
    block_on(store.commit(Batch::from(group))).pop().unwrap()
}

fn put(store: &dyn Storage, name: &str, key: Key) -> Result<Committed, StorageError> {
    commit(store, Group::new(agent(name)).put(key, b"value".to_vec(), Precondition::Always))
}

/// One of everything, of one agent.
fn fill(store: &dyn Storage, name: &str) {
    let id = agent(name);
    for key in [
        Key::Checkpoint(id.clone()),
        Key::Identity(id.clone()),
        Key::Receipts(id.clone()),
        Key::Record(id.clone()),
        Key::History(id.clone(), Tick(7), 0),
        Key::History(id.clone(), Tick(7), 1),
        Key::Segment(id.clone(), Tick(7), 0),
        Key::Segment(id.clone(), Tick(7), 1),
        Key::Summary(id.clone()),
        Key::Fund(id.clone(), [0xab; 16]),
        Key::Certificate(id.clone(), 2),
        Key::Aside(id.clone(), Seq(40)),
        Key::Wish(id.clone()),
        Key::Custody(id.clone()),
        Key::Module(Hash::of(b"module")),
        Key::Manifest(Hash::of(b"manifest")),
        Key::Node,
    ] {
        put(store, name, key).unwrap();
    }
    commit(store, Group::new(id).append(Seq(0), vec![b"record".to_vec()])).unwrap();
}

/// Everything below a directory with its rights and times.
fn everything(directory: &Path) -> BTreeMap<String, (u32, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            found.insert(name, (metadata.mode() & 0o7777, metadata.modified().unwrap()));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

fn rights(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, StorageError>, path: &Path, why: &str) {
    match result {
        Err(StorageError::Refused { object, problem }) => {
            assert!(object.contains(&path.display().to_string()), "{object}");
            assert!(problem.contains(why), "{problem}");
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn files_lie_where_the_original_looks_for_them() {
    let directory = directory();
    fill(&open(directory.path()), "a");
    let names: Vec<_> = everything(directory.path()).into_keys().collect();
    let (module, manifest) = (Hash::of(b"module"), Hash::of(b"manifest"));
    assert_eq!(
        names,
        [
            ".igor",
            ".igor/.custodies",
            ".igor/.custodies/a",
            ".igor/.manifests",
            &format!(".igor/.manifests/{manifest}.json"),
            ".igor/.modules",
            &format!(".igor/.modules/{module}.wasm"),
            ".igor/.node",
            ".igor/.shared.lock",
            ".igor/a",
            ".igor/a/aside-40",
            ".igor/a/commit.lock",
            ".igor/a/journal",
            ".igor/a/record",
            ".igor/a/wish",
            "a.checkpoint",
            "a.identity",
            "a.receipts",
            "history",
            "history/a",
            "history/a/0000000002.cert",
            "history/a/0000000007.ckpt",
            "history/a/0000000007.seg",
            "history/a/0000000007_001.ckpt",
            "history/a/0000000007_001.seg",
            "history/a/collected.sum",
            &format!("history/a/fund-{}.rec", "ab".repeat(16)),
        ]
    );
    assert_eq!(fs::read(directory.path().join("a.checkpoint")).unwrap(), b"value");
}

#[test]
fn a_directory_of_the_original_is_read_and_continued() {
    let directory = directory();
    let root = directory.path();
    fs::create_dir_all(root.join("history/a")).unwrap();
    for (path, content) in [
        ("a.checkpoint", "blob 2"),
        ("a.identity", "key"),
        ("history/a/0000000001.ckpt", "blob 1"),
        ("history/a/0000000002.ckpt", "blob 2"),
        ("b.checkpoint.tmp", "being written"),
        ("notes.txt", "not igor's"),
    ] {
        fs::write(root.join(path), content).unwrap();
    }
    let store = open(root);
    let list = |scope: &Scope| block_on(store.list(scope, None, usize::MAX)).unwrap();
    assert_eq!(list(&Scope::Checkpoints), [Key::Checkpoint(agent("a"))]);
    let past = list(&Scope::History(agent("a")));
    assert_eq!(past, [1, 2].map(|tick| Key::History(agent("a"), Tick(tick), 0)));
    let current = block_on(store.get(&Key::Checkpoint(agent("a")))).unwrap().unwrap();
    assert_eq!(current.bytes, b"blob 2");
    let group = Group::new(agent("a"))
        .put(past[1].clone(), b"other".to_vec(), Precondition::Absent)
        .put(Key::Checkpoint(agent("a")), b"blob 3".to_vec(), Precondition::Always);
    assert!(matches!(commit(&store, group), Err(StorageError::Conflict { .. })));
    let key = Key::Checkpoint(agent("a"));
    let matches = Precondition::Matches(current.version);
    commit(&store, Group::new(agent("a")).put(key, b"blob 3".to_vec(), matches)).unwrap();
    assert_eq!(fs::read(root.join("a.checkpoint")).unwrap(), b"blob 3");
}

#[test]
fn reading_changes_nothing_and_creates_nothing() {
    let directory = directory();
    let missing = directory.path().join("missing");
    let read = |root: &Path| {
        let store = open(root);
        for key in [Key::Checkpoint(agent("a")), Key::Module(Hash::of(b"module"))] {
            block_on(store.get(&key)).unwrap();
        }
        for scope in [
            Scope::Checkpoints,
            Scope::History(agent("a")),
            Scope::Segments(agent("a")),
            Scope::Funds(agent("a")),
            Scope::Asides(agent("a")),
            Scope::Certificates(agent("a")),
            Scope::Custodies,
        ] {
            block_on(store.list(&scope, None, usize::MAX)).unwrap();
        }
        block_on(store.log_bounds(&agent("a"))).unwrap();
        block_on(store.read_log(&agent("a"), Seq(0), usize::MAX)).unwrap();
    };
    read(&missing);
    assert!(!missing.exists(), "reading has created the directory");

    let root = directory.path().join("store");
    fill(&open(&root), "a");
    // Loose rights, and something left over: a reader leaves them to a writer.
    fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(root.join("a.checkpoint"), Permissions::from_mode(0o644)).unwrap();
    fs::write(root.join(".igor/a/temp-0"), b"left over").unwrap();
    let before = everything(directory.path());
    read(&root);
    assert_eq!(everything(directory.path()), before);
}

#[test]
fn a_missing_directory_is_created_with_its_parents() {
    let directory = directory();
    let root = directory.path().join("several/levels/deep");
    fill(&open(&root), "a");
    for path in ["several", "several/levels", "several/levels/deep"] {
        assert_eq!(rights(&directory.path().join(path)), 0o700, "{path}");
    }
}

#[test]
fn loose_rights_of_ones_own_are_taken_away_by_a_writer() {
    let directory = directory();
    let root = directory.path();
    fill(&open(root), "a");
    fill(&open(root), "b");
    fs::write(root.join("notes.txt"), b"not igor's").unwrap();
    for (path, (mode, _)) in everything(root) {
        let loose = if mode == 0o700 { 0o755 } else { 0o644 };
        fs::set_permissions(root.join(&path), Permissions::from_mode(loose)).unwrap();
    }
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    put(&open(root), "a", Key::Checkpoint(agent("a"))).unwrap();
    assert_eq!(rights(root), 0o700);
    for (path, (mode, _)) in everything(root) {
        let is_dir = root.join(&path).is_dir();
        let is_others = path.starts_with("b.") || path.contains("/b/") || path == "notes.txt";
        let is_content = path.contains("/.m") && !is_dir || path == ".igor/.shared.lock";
        match (is_others || path.ends_with("/b"), is_content, is_dir) {
            // Of another agent: that one's writer sees to it. The directories above are closed anyway.
            (true, ..) | (_, true, _) => {}
            (_, _, true) => assert_eq!(mode, 0o700, "{path}"),
            (_, _, false) => assert_eq!(mode, 0o600, "{path}"),
        }
    }
    assert_eq!(rights(&root.join("notes.txt")), 0o644, "not igor's to change");
    // A claim is a writer's first step as well.
    drop(block_on(open(root).hold(&Claim::Agent(agent("b")))).unwrap());
    assert_eq!(rights(&root.join("b.identity")), 0o600);
}

#[test]
fn links_below_the_directory_are_refused_by_readers_and_writers() {
    for (link, is_dir) in [
        ("a.checkpoint", false),
        ("a.identity", false),
        ("history", true),
        ("history/a", true),
        ("history/a/0000000007.ckpt", false),
        (".igor", true),
        (".igor/a", true),
        (".igor/a/journal", false),
        (".igor/a/record", false),
        (".igor/.node", false),
        (".igor/.custodies", true),
        (".igor/.custodies/a", false),
        (".igor/a/commit.lock", false),
    ] {
        let (directory, elsewhere) = (directory(), directory());
        let path = directory.path().join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let target = elsewhere.path().join("target");
        if is_dir {
            fs::create_dir(&target).unwrap();
        } else {
            fs::write(&target, b"precious").unwrap();
        }
        symlink(&target, &path).unwrap();
        let before = everything(elsewhere.path());

        let store = open(directory.path());
        let id = agent("a");
        let group = Group::new(id.clone())
            .put(Key::Checkpoint(id.clone()), b"new".to_vec(), Precondition::Always)
            .put(Key::History(id.clone(), Tick(7), 0), b"new".to_vec(), Precondition::Always)
            .append(Seq(0), vec![b"new".to_vec()]);
        assert_refused(commit(&store, group), &path, "symbolic link");
        // A refusal is clean: another agent can go on, unless it needs the link as well.
        let result = put(&store, "b", Key::Checkpoint(agent("b")));
        let is_shared = matches!(link, ".igor" | "history" | ".igor/.node" | ".igor/.custodies");
        assert_eq!(result.is_ok(), !is_shared, "{link}: {result:?}");
        let read = match link {
            "a.checkpoint" => block_on(store.get(&Key::Checkpoint(id))).map(drop),
            "a.identity" => block_on(store.get(&Key::Identity(id))).map(drop),
            "history" | "history/a" => block_on(store.list(&Scope::History(id), None, 1)).map(drop),
            "history/a/0000000007.ckpt" => {
                block_on(store.get(&Key::History(id, Tick(7), 0))).map(drop)
            }
            ".igor/.custodies" => block_on(store.list(&Scope::Custodies, None, 1)).map(drop),
            ".igor/.custodies/a" => block_on(store.get(&Key::Custody(id))).map(drop),
            ".igor/a/commit.lock" => block_on(store.hold(&Claim::Agent(id))).map(drop),
            ".igor/.node" => block_on(store.get(&Key::Node)).map(drop),
            ".igor/a/record" => block_on(store.get(&Key::Record(id))).map(drop),
            _ => block_on(store.read_log(&id, Seq(0), 1)).map(drop),
        };
        assert_refused(read, &path, "symbolic link");
        assert_eq!(everything(elsewhere.path()), before, "{link}: something was changed behind it");
    }
}

#[test]
fn the_directory_itself_may_be_a_link() {
    let (directory, elsewhere) = (directory(), directory());
    let link = directory.path().join("link");
    symlink(elsewhere.path(), &link).unwrap();
    fill(&open(&link), "a");
    assert!(elsewhere.path().join("a.checkpoint").is_file());
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = directory();
    let root = directory.path();
    // Opening a pipe without care would wait for ever.
    let pipe = root.join("a.checkpoint");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    fs::create_dir(root.join("b.identity")).unwrap();
    let store = open(root);
    let read = block_on(store.get(&Key::Checkpoint(agent("a"))));
    assert_refused(read, &pipe, "not a regular file");
    assert_refused(put(&store, "a", Key::Record(agent("a"))), &pipe, "not a regular file");
    let claim = block_on(store.hold(&Claim::Agent(agent("b"))));
    assert_refused(claim, &root.join("b.identity"), "not a regular file");

    let file = root.join("file");
    fs::write(&file, b"").unwrap();
    let store = open(&file);
    assert_refused(put(&store, "a", Key::Record(agent("a"))), &file, "not a directory");
    assert_refused(block_on(store.list(&Scope::Checkpoints, None, 1)), &file, "not a directory");
}

#[test]
fn groups_of_one_agent_in_a_large_batch_keep_their_order() {
    let directory = directory();
    let store = open(directory.path());
    let group = |number: u64| {
        let name = format!("agent-{}", number % 50);
        Group::new(agent(&name)).append(Seq(number / 50), vec![number.to_le_bytes().to_vec()])
    };
    let mut groups: Vec<_> = (0..200).map(group).collect();
    groups.insert(70, Group::new(agent("late")).append(Seq(9), vec![Vec::new()]));
    let results = block_on(store.commit(Batch { groups }));
    assert_eq!(results.len(), 201);
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), number == 70, "group {number}: {result:?}");
    }
    let last = block_on(store.read_log(&agent("agent-49"), Seq(3), 1)).unwrap();
    assert_eq!(last, [199_u64.to_le_bytes()]);
}

/// One append for each agent, in one batch.
fn append_together(store: &dyn Storage, names: &[String], at: u64) {
    let record = || vec![at.to_string().into_bytes()];
    let groups = names.iter().map(|name| Group::new(agent(name)).append(Seq(at), record()));
    for result in block_on(store.commit(Batch { groups: groups.collect() })) {
        result.unwrap();
    }
}

fn log(store: &dyn Storage, name: &str) -> Vec<Vec<u8>> {
    block_on(store.read_log(&agent(name), Seq(0), usize::MAX)).unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("agent{number}")).collect()
}

/// A copy of a store that is in use; of each log, only what was synced is certain to be there after a power
/// cut, and here nothing else is.
fn after_a_power_cut(from: &Path, to: &Path, synced: &BTreeMap<String, u64>) {
    for name in everything(from).keys() {
        let (source, target) = (from.join(name), to.join(name));
        match source.is_dir() {
            true => fs::create_dir_all(target).unwrap(),
            false => drop(fs::copy(source, target).unwrap()),
        }
    }
    for (name, size) in synced {
        let file = fs::File::options().write(true).open(to.join(name)).unwrap();
        file.set_len(*size).unwrap();
    }
}

#[test]
fn appends_of_many_agents_share_a_redo_log_that_goes_with_its_opener() {
    let directory = directory();
    // More than are combined at a time, or kept open, or synced in order.
    let names = names(200);
    let config = FsConfig { redo_bytes_max: 100_000, ..FsConfig::default() };
    let store = FsStorage::open(directory.path(), &config).unwrap();
    let redo_log = directory.path().join(".igor/.redo/0");
    append_together(&store, &names, 0);
    assert!(!redo_log.exists(), "the first append of an agent is synced alone");
    let mut sizes = Vec::new();
    for at in 1..9 {
        append_together(&store, &names, at);
        sizes.push(redo_log.metadata().unwrap().len());
    }
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
    assert!(sizes.windows(2).any(|pair| pair[0] > pair[1]), "it was never emptied: {sizes:?}");
    drop(store);
    assert!(!redo_log.exists());
    let expected: Vec<_> = (0..9).map(|at: u64| at.to_string().into_bytes()).collect();
    let store = open(directory.path());
    assert!(names.iter().all(|name| log(&store, name) == expected));
}

#[test]
fn one_agent_alone_has_no_redo_log() {
    let directory = directory();
    let store = open(directory.path());
    for at in 0..5 {
        append_together(&store, &names(1), at);
    }
    assert!(!directory.path().join(".igor/.redo").exists());
}

#[test]
fn a_trim_by_another_opener_ends_the_use_of_a_log_that_was_kept_open() {
    let directory = directory();
    let (one, other) = (open(directory.path()), open(directory.path()));
    let names = names(3);
    for at in 0..3 {
        append_together(&one, &names, at);
    }
    // As many bytes as before, so that only the file itself tells the difference.
    let trim = Group::new(agent(&names[1])).append(Seq(3), vec![vec![7; 110]]).trim(Seq(3));
    commit(&other, trim).unwrap();
    let conflict = Group::new(agent(&names[1])).append(Seq(3), vec![b"late".to_vec()]);
    let conflict = vec![Group::new(agent(&names[0])).append(Seq(3), vec![b"3".to_vec()]), conflict];
    let results = block_on(one.commit(Batch { groups: conflict }));
    assert!(results[0].is_ok(), "{results:?}");
    assert!(matches!(results[1], Err(StorageError::Conflict { .. })), "{results:?}");
    for at in 4..6 {
        append_together(&one, &names[..2], at);
    }
    for store in [&one, &other, &open(directory.path())] {
        let id = agent(&names[1]);
        assert_eq!(block_on(store.log_bounds(&id)).unwrap(), Seq(3)..Seq(6));
        let records = block_on(store.read_log(&id, Seq(3), usize::MAX)).unwrap();
        assert_eq!(records, [vec![7; 110], b"4".to_vec(), b"5".to_vec()]);
    }
}

#[test]
fn what_only_a_redo_log_has_is_read_from_there_and_mended_by_a_writer() {
    let directory = directory();
    let (before, after) = (directory.path().join("before"), directory.path().join("after"));
    let names = names(3);
    let store = open(&before);
    append_together(&store, &names, 0);
    let journal = |name: &String| format!(".igor/{name}/journal");
    let size = |name: &String| before.join(journal(name)).metadata().unwrap().len();
    let synced = names.iter().map(|name| (journal(name), size(name))).collect();
    for at in 1..4 {
        append_together(&store, &names, at);
    }
    after_a_power_cut(&before, &after, &synced);
    let expected: Vec<_> = (0..4).map(|at: u64| at.to_string().into_bytes()).collect();

    let found = everything(&after);
    let reader = open(&after);
    assert!(names.iter().all(|name| log(&reader, name) == expected), "the reader misses something");
    assert_eq!(everything(&after), found, "reading has changed something");

    let writer = open(&after);
    drop(block_on(writer.hold(&Claim::Agent(agent(&names[2])))).unwrap());
    assert!(!after.join(".igor/.redo/0").exists(), "it is still there when it is applied");
    for name in &names {
        let (mended, whole) = (after.join(journal(name)), before.join(journal(name)));
        assert!(fs::read(mended).unwrap() == fs::read(whole).unwrap(), "{name} is not mended");
    }
    assert!(names.iter().all(|name| log(&reader, name) == expected));
}

#[test]
fn a_damaged_redo_log_is_reported_by_readers_and_writers_and_stays() {
    let directory = directory();
    let (before, after) = (directory.path().join("before"), directory.path().join("after"));
    let names = names(2);
    let store = open(&before);
    for at in 0..3 {
        append_together(&store, &names, at);
    }
    after_a_power_cut(&before, &after, &BTreeMap::new());
    let path = after.join(".igor/.redo/0");
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let store = open(&after);
    let is_reported = |error: StorageError| match error {
        StorageError::Corrupt { object, .. } => object.contains(&path.display().to_string()),
        _ => false,
    };
    let id = agent(&names[0]);
    assert!(is_reported(block_on(store.log_bounds(&id)).unwrap_err()));
    assert!(is_reported(block_on(store.hold(&Claim::Agent(id))).unwrap_err()));
    assert!(is_reported(put(&store, "else", Key::Checkpoint(agent("else"))).unwrap_err()));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // Whoever gives it up removes it.
    fs::remove_file(&path).unwrap();
    append_together(&open(&after), &names, 3);
}

#[test]
fn a_trimmed_log_takes_no_more_room_than_what_stays() {
    let directory = directory();
    let store = open(directory.path());
    let journal = directory.path().join(".igor/a/journal");
    let records = (0..100).map(|number| vec![number; 1_000]).collect();
    commit(&store, Group::new(agent("a")).append(Seq(0), records)).unwrap();
    assert!(fs::metadata(&journal).unwrap().len() > 100_000);
    commit(&store, Group::new(agent("a")).trim(Seq(99))).unwrap();
    assert!(fs::metadata(&journal).unwrap().len() < 1_200);
    assert_eq!(rights(&journal), 0o600);
    let temporary = |name: &String| name.contains("temp-");
    assert!(!everything(directory.path()).keys().any(temporary));
    // What is no file is no log either.
    fs::remove_file(&journal).unwrap();
    assert_eq!(block_on(store.log_bounds(&agent("a"))).unwrap(), Seq(0)..Seq(0));
}

/// The real files, except that one path belongs to somebody else.
struct Foreign {
    vfs: OsVfs,
    path: &'static str,
}

impl Vfs for Foreign {
    fn describe(&self, path: &str) -> String {
        self.vfs.describe(path)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Box<dyn VfsFile>> {
        self.vfs.open(path, access)
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn VfsFile>> {
        self.vfs.create_new(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.vfs.create_dir(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.vfs.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.vfs.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.vfs.sync_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.vfs.list(path)
    }

    fn metadata(&self, path: &str) -> io::Result<Metadata> {
        let metadata = self.vfs.metadata(path)?;
        Ok(Metadata { own: path != self.path, ..metadata })
    }

    fn tighten(&self, path: &str) -> io::Result<()> {
        assert_ne!(path, self.path, "somebody else's rights were changed");
        self.vfs.tighten(path)
    }
}

#[test]
fn what_belongs_to_another_user_is_read_but_not_written() {
    for path in ["", ".igor", ".igor/a", "a.checkpoint", "a.identity", "history", "history/a"] {
        let directory = directory();
        fill(&open(directory.path()), "a");
        let vfs = Foreign { vfs: OsVfs::new(directory.path()).unwrap(), path };
        let store = FsStorage::over(Arc::new(vfs), &FsConfig::default()).unwrap();
        let found = block_on(store.get(&Key::Checkpoint(agent("a")))).unwrap().unwrap();
        assert_eq!(found.bytes, b"value", "{path}");
        let full =
            if path.is_empty() { directory.path().to_owned() } else { directory.path().join(path) };
        assert_refused(put(&store, "a", Key::Record(agent("a"))), &full, "another user");
        assert_refused(block_on(store.hold(&Claim::Agent(agent("a")))), &full, "another user");
    }
}

/// The original deletes every `*.tmp` when it opens a directory, also those of a live process.
#[test]
fn temporary_files_of_a_live_process_are_left_alone() {
    let directory = directory();
    let root = directory.path();
    fill(&open(root), "a");
    fill(&open(root), "b");
    // The original's, and one that another process is writing for another agent at this moment.
    let others = ["a.checkpoint.tmp", "b.identity.tmp", ".igor/b/temp-0"];
    let left_over = [".igor/a/temp-0", ".igor/a/temp-31"];
    for path in others.iter().chain(&left_over) {
        fs::write(root.join(path), b"half a val").unwrap();
    }
    let store = open(root);
    assert!(left_over.iter().all(|path| root.join(path).exists()), "opening has removed one");
    put(&store, "a", Key::Checkpoint(agent("a"))).unwrap();
    for path in others {
        assert!(root.join(path).exists(), "{path} was removed, but may be in use");
    }
    // These were written under a lock that the commit now has: whoever did is gone.
    for path in left_over {
        assert!(!root.join(path).exists(), "{path} is left");
    }
    put(&store, "b", Key::Checkpoint(agent("b"))).unwrap();
    assert!(!root.join(".igor/b/temp-0").exists());
}

#[test]
fn a_group_that_fails_leaves_no_temporary_file() {
    let directory = directory();
    let store = open(directory.path());
    fill(&store, "a");
    let before: Vec<_> = everything(directory.path()).into_keys().collect();
    // Large enough that its precondition is checked while it is being written.
    let bytes = vec![0; 1 << 20];
    let stale = igor_core::storage::Version::new(b"stale");
    for precondition in [Precondition::Absent, Precondition::Matches(stale)] {
        let group = Group::new(agent("a"))
            .put(Key::Record(agent("a")), bytes.clone(), Precondition::Always)
            .put(Key::Checkpoint(agent("a")), bytes.clone(), precondition);
        assert!(matches!(commit(&store, group), Err(StorageError::Conflict { .. })));
    }
    let after: Vec<_> = everything(directory.path()).into_keys().collect();
    assert_eq!(after, before);
}

#[test]
fn a_held_agent_says_which_process_holds_it() {
    let directory = directory();
    let (one, other) = (open(directory.path()), open(directory.path()));
    let claim = Claim::Agent(agent("a"));
    let _held = block_on(one.hold(&claim)).unwrap();
    let error = block_on(other.hold(&claim)).unwrap_err().to_string();
    assert_eq!(error, format!("agent a is in use by process {}", std::process::id()));
}

/// A name in a lock's file decides nothing: a dead process is not named, and keeps nobody away.
#[test]
fn the_name_of_a_dead_process_is_no_claim() {
    let directory = directory();
    let store = open(directory.path());
    drop(block_on(store.hold(&Claim::Agent(agent("a")))).unwrap());
    let lock = directory.path().join(".igor/a/agent.lock");
    for text in ["4194305", "-1", "0", "not a number", "99999999999999999999999999"] {
        fs::write(&lock, text).unwrap();
        drop(block_on(store.hold(&Claim::Agent(agent("a")))).unwrap());
        let _held = block_on(store.hold(&Claim::Agent(agent("a")))).unwrap();
        fs::write(&lock, text).unwrap();
        let error = block_on(open(directory.path()).hold(&Claim::Agent(agent("a")))).unwrap_err();
        assert_eq!(error.to_string(), "agent a is in use by another process");
    }
}

#[test]
fn a_file_above_the_limit_is_not_read() {
    let directory = directory();
    fs::write(directory.path().join("a.checkpoint"), b"12345").unwrap();
    let store =
        FsStorage::open(directory.path(), &FsConfig { value_bytes_max: 4, ..FsConfig::default() })
            .unwrap();
    let read = block_on(store.get(&Key::Checkpoint(agent("a"))));
    assert!(matches!(read, Err(StorageError::TooLarge { bytes: 5, max: 4, .. })), "{read:?}");
}

#[test]
fn a_limit_out_of_range_is_refused() {
    for value_bytes_max in [0, FsConfig::VALUE_BYTES_CEILING + 1] {
        let opened = FsStorage::open(
            Path::new("/nowhere"),
            &FsConfig { value_bytes_max, ..FsConfig::default() },
        );
        assert!(matches!(opened, Err(StorageError::Refused { .. })), "{value_bytes_max}");
    }
}
