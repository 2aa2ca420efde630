//! A folder whose index is gone or damaged: no start, one sentence, and a command that helps.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::process::{BINARY, Program};

fn satchel(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
    command.env_clear().stdin(Stdio::null()).output().unwrap()
}

#[test]
fn without_its_index_it_does_not_start_and_repair_brings_the_files_back() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("removed", |index| fs::remove_file(index).unwrap()),
        ("emptied", |index| fs::write(index, b"").unwrap()),
        ("overwritten", |index| fs::write(index, vec![b'x'; 9_000]).unwrap()),
    ];
    for (harm, apply) in harms {
        let program = Program::start(&[]);
        assert_eq!(program.put("u/large", 200_000), 201);
        let place = program.end();
        let data = place.path().join("data");
        for log in ["index.sqlite-wal", "index.sqlite-shm"] {
            // The program was killed, so it has not tidied up.
            let _ = fs::remove_file(data.join("s3").join(log));
        }
        apply(&data.join("s3/index.sqlite"));

        let refused = satchel(&data, &[]);
        let errors = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{harm}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{harm}: {errors}");
        assert!(errors.contains("`satchel repair`"), "{harm}: {errors}");

        let repaired = satchel(&data, &["repair"]);
        let text = String::from_utf8(repaired.stdout).unwrap();
        assert_eq!(repaired.status.code(), Some(0), "{harm}: {text}");
        let program = Program::start_in(place, "", &[]);
        // The very same file again is 201, another one would be 409.
        assert_eq!(program.get("/upload/u/large"), 200, "{harm}: {text}");
    }
}

#[test]
fn repair_without_a_folder_or_beside_a_running_stack_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let missing = satchel(&place.path().join("nothing"), &["repair"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(!place.path().join("nothing/s3").exists());

    let program = Program::start(&[]);
    let beside = satchel(&program.data(), &["repair"]);
    assert_eq!(beside.status.code(), Some(1));
    assert!(String::from_utf8(beside.stderr).unwrap().contains("in use"));
    assert_eq!(program.put("u/a", 5), 201);
}
