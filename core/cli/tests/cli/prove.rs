//! `igor prove`: an agent whose directory was copied and that then ran twice is found out by two of its files.

use std::path::Path;

use crate::support::{Place, answer, ask, copy_dir};

#[test]
fn an_agent_that_ran_in_two_places_is_proven_to_have_forked() {
    let (here, there) = (Place::new(), Place::new());
    let module = here.prebuilt("heartbeat");
    here.ran(&module, &["--ticks", "2", "--meter", "gas"]);
    copy_dir(Path::new(&here.data()), Path::new(&there.data()));
    here.ran(&module, &["--ticks", "1", "--meter", "gas"]);
    // The copy is open to others, which a run mends with a warning.
    let copied = answer(there.run(&module, &["--ticks", "2", "--meter", "gas"]));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let file = |place: &Place, name: &str| format!("{}/history/heartbeat/{name}", place.data());
    let (one, other) = (file(&here, "0000000003.ckpt"), file(&there, "0000000004.ckpt"));
    let document = ask(["prove", "fork", &one, &other, "--output", "json"]).document();
    assert_eq!(document["document"], "prove_fork");
    assert_eq!(document["branches"][0]["tick"], 3);
    assert_eq!(document["branches"][1]["tick"], 4);
    assert!(ask(["prove", "fork", &one, &other]).done().contains("FORK PROVEN"));
    let common = file(&here, "0000000002.ckpt");
    ask(["prove", "fork", &common, &file(&there, "0000000002.ckpt")])
        .refused(1, &["no fork", "the same checkpoint"]);
    ask(["prove", "fork", &common, &one]).refused(1, &["different checkpoints", "predecessor"]);
    ask(["prove", "fork", &module, &one]).refused(1, &["read checkpoint", "history folder"]);
    ask(["prove", "fork", "nowhere", &one]).refused(1, &["nowhere", "No such file"]);
}
