//! The command from outside: what it prints, how it ends, what it leaves behind.

mod sample;

use std::path::Path;
use std::process::{Command, Output};

use harness::results::ResultsFolder;

fn harness(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The command with a cache of nobody, so that no test installs or finds anything.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .args(arguments)
        .env("CUSTOM_OP_HARNESS_CACHE", "/nonexistent/cache");
    command
}

fn standard_error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn standard_output(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_misspelt_name_gets_a_suggestion_and_status_2() {
    for (option, misspelt, meant) in [
        ("--framework", "onxruntime", "onnxruntime"),
        ("--suite", "loadtime", "load-time"),
        ("--isolation", "opset", "op-set"),
        ("--runtime", "onnxruntime-1.32", "onnxruntime-1.32.0"),
    ] {
        let output = harness(&["run", option, misspelt]);
        assert_eq!(output.status.code(), Some(2), "{option}");
        let text = standard_error(&output);
        assert!(
            text.contains(&format!("a similar value exists: '{meant}'")),
            "{option}: {text}"
        );
    }
    let text = standard_error(&harness(&["reprot"]));
    assert!(text.contains("'report'"), "{text}");
}

#[test]
fn a_part_that_does_not_exist_is_explained() {
    for command in ["run", "list"] {
        let output = harness(&[command, "--shard", "5/4"]);
        assert_eq!(output.status.code(), Some(2));
        let text = standard_error(&output);
        assert!(text.contains("'5/4' names no part of a run"), "{text}");
    }
}

#[test]
fn the_parts_of_the_list_are_the_list() {
    let ids = |shard: &[&str]| -> Vec<String> {
        let line = ["list", "--format", "json"]
            .into_iter()
            .chain(shard.iter().copied());
        let output = harness(&line.collect::<Vec<_>>());
        let cases: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        let ids = cases.iter().filter_map(|case| case["id"].as_str());
        ids.map(str::to_owned).collect()
    };
    let mut parts: Vec<String> = ["1/3", "2/3", "3/3"]
        .into_iter()
        .flat_map(|part| ids(&["--shard", part]))
        .collect();
    let mut whole = ids(&[]);
    parts.sort();
    whole.sort();
    assert_eq!(parts, whole);
}

#[test]
fn a_filter_that_is_no_expression_is_explained() {
    let output = harness(&["list", "--filter", "(unclosed"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        standard_error(&output).contains("unclosed group"),
        "{}",
        standard_error(&output)
    );
}

#[test]
fn a_selection_of_nothing_is_a_usage_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let results = results.to_str().unwrap();
    let output = harness(&[
        "run",
        "--filter",
        "^no such case$",
        "--results-dir",
        results,
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        standard_error(&output).contains("no case and no measurement"),
        "{output:?}"
    );
    assert!(!Path::new(results).exists());
}

#[test]
fn what_is_missing_is_told_in_one_sentence_each_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let output = command(&["run", "--results-dir", results.to_str().unwrap()])
        .env("PATH", folder.path())
        .env("CARGO", "cargo")
        .env_remove("CXX")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = standard_error(&output);
    let sentences: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(sentences.len(), 3, "{text}");
    for (sentence, word) in sentences.iter().zip(["cargo", "C++ compiler", "python3"]) {
        assert!(sentence.contains(word), "{text}");
    }
    assert!(!results.exists());
}

/// Where there is a GPU, the next thing that is missing is told: nobody's cache holds no TensorRT.
#[test]
fn plans_are_not_built_without_a_gpu_and_a_builder_and_the_remedy_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("models");
    let output = harness(&["build-plans", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = standard_error(&output);
    let (reason, remedy) = if suites::has_gpu() {
        (
            "tensorrt-8.6.0 is not installed",
            "setup --runtime tensorrt-8.6.0 --full",
        )
    } else {
        ("no NVIDIA GPU", "run `harness build-plans` on the GPU host")
    };
    assert!(text.contains(reason) && text.contains(remedy), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!out.exists() && standard_output(&output).is_empty());
}

#[test]
fn what_no_plan_can_be_built_of_is_a_usage_error() {
    for (line, part) in [
        (["--filter", "^no such plan$"], "no plan has a name"),
        (["--runtime", "pytorch-2.11.0"], "it is no TensorRT"),
        (["--runtime", "tensorrt-8.7"], "a similar value exists"),
        (["--runtime-at", "tensorrt=/opt/tensorrt"], "--bundle"),
    ] {
        let line: Vec<&str> = std::iter::once("build-plans").chain(line).collect();
        let output = harness(&line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        let text = standard_error(&output);
        assert!(text.contains(part), "{line:?}: {text}");
    }
}

#[test]
fn help_is_complete_and_names_the_exit_statuses() {
    let text = standard_output(&harness(&["--help"]));
    for word in [
        "run",
        "list",
        "setup",
        "runtimes",
        "report",
        "merge",
        "check",
        "build-plans",
        "Examples:",
        "Exit status:",
        "70",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let text = standard_output(&harness(&["run", "--help"]));
    for option in [
        "--framework",
        "--suite",
        "--filter",
        "--isolation",
        "--results-dir",
        "--jobs",
        "--quick",
        "--runtime",
        "--full",
        "--shard",
    ] {
        assert!(text.contains(option), "{option}: {text}");
    }
    for value in ["shared", "backend", "op-set", "model"] {
        assert!(text.contains(value), "{value}: {text}");
    }
}

#[test]
fn the_list_is_the_same_in_both_formats() {
    let json = harness(&["list", "--format", "json"]);
    assert_eq!(json.status.code(), Some(0));
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&json.stdout).unwrap();
    assert!(cases.len() >= 20, "{}", cases.len());
    let table = standard_output(&harness(&["list"]));
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        assert!(table.contains(id), "{id}");
        assert!(case["expected"].is_string() || case["expected"].is_null());
    }
    let some = harness(&[
        "list",
        "--format",
        "json",
        "--filter",
        cases[0]["id"].as_str().unwrap(),
    ]);
    let some: Vec<serde_json::Value> = serde_json::from_slice(&some.stdout).unwrap();
    assert!(!some.is_empty() && some.len() < cases.len());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let mut child = command(&["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", standard_error(&output));
}

#[test]
fn runtimes_are_listed_without_a_cache() {
    let output = harness(&["runtimes", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", standard_error(&output));
    let runtimes: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let default: Vec<&str> = runtimes
        .iter()
        .filter(|runtime| runtime["default"] == true)
        .map(|runtime| runtime["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        default,
        [
            "onnxruntime-1.32.0",
            "pytorch-2.11.0",
            "tensorflow-2.21.0",
            "tensorrt-8.6.0"
        ]
    );
    assert!(
        runtimes
            .iter()
            .all(|runtime| runtime["installed"].is_null())
    );
}

#[test]
fn a_report_is_rendered_again_from_its_record() {
    let folder = tempfile::tempdir().unwrap();
    ResultsFolder::at(folder.path())
        .write(&sample::sample_results())
        .unwrap();
    let report = folder.path().join("report.html");
    let first = std::fs::read(&report).unwrap();
    std::fs::remove_file(&report).unwrap();
    let output = harness(&["report", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", standard_error(&output));
    assert_eq!(standard_output(&output).trim(), report.to_str().unwrap());
    assert_eq!(std::fs::read(&report).unwrap(), first);
}

#[test]
fn parts_are_joined_into_a_folder_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<String> = ["1/2", "2/2"]
        .into_iter()
        .zip([0, 3])
        .map(|(shard, first)| {
            let mut part = sample::sample_results();
            part.run.shard = Some(shard.to_owned());
            part.cases = part.cases.split_off(first);
            part.cases.truncate(3);
            let path = folder.path().join(shard.replace('/', "-of-"));
            std::fs::create_dir(&path).unwrap();
            ResultsFolder::at(&path).write(&part).unwrap();
            path.display().to_string()
        })
        .collect();
    let results = folder.path().join("results");
    let merge = |parts: &[String]| {
        let line = ["merge", "--results-dir", results.to_str().unwrap()].into_iter();
        harness(
            &line
                .chain(parts.iter().map(String::as_str))
                .collect::<Vec<_>>(),
        )
    };
    let output = merge(&parts);
    let text = standard_output(&output);
    assert_eq!(output.status.code(), Some(1), "one case failed: {output:?}");
    let report = Path::new(text.lines().last().unwrap());
    let joined = ResultsFolder::at(report.parent().unwrap()).read().unwrap();
    let mut cases = sample::sample_results().cases;
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(joined.cases, cases);
    assert_eq!(joined.run.command_line[2], "merge");
    for name in [
        "cases.csv",
        "measurements.csv",
        "junit.xml",
        "summary.md",
        "plots",
    ] {
        assert!(report.with_file_name(name).exists(), "{name}");
    }

    let output = merge(&parts[..1]);
    assert!(
        standard_output(&output).contains("part 2/2 is missing"),
        "{output:?}"
    );
    let output = merge(&[parts[0].clone(), folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        standard_error(&output).contains("results.json"),
        "{output:?}"
    );
}

#[test]
fn a_folder_without_a_run_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = harness(&["report", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        standard_error(&output).contains("results.json"),
        "{output:?}"
    );
}

#[test]
fn an_inspection_says_what_a_file_is_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let text_file = folder.path().join("libops.so");
    std::fs::write(&text_file, "not a library\n").unwrap();
    let missing = folder.path().join("absent.so");
    let runtime = folder.path().join("torch/lib/libtorch_cpu.so");
    std::fs::create_dir_all(runtime.parent().unwrap()).unwrap();
    std::fs::write(&runtime, "").unwrap();
    std::fs::write(
        folder.path().join("torch/version.py"),
        "__version__ = '2.11.0'\n",
    )
    .unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = [
        "inspect".to_owned(),
        path(&text_file),
        path(&missing),
        "--runtime".to_owned(),
        path(folder.path()),
    ];
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = harness(&arguments);
    assert_eq!(
        output.status.code(),
        Some(2),
        "a file is missing: {output:?}"
    );
    let text = standard_output(&output);
    assert!(text.contains("is not an ELF file"), "{text}");
    assert!(text.contains("there is no file"), "{text}");
    assert!(text.contains("✗ pytorch-2.11.0  fails:"), "{text}");
    assert!(text.contains("was not read any further"), "{text}");

    arguments.extend(["--format", "json"]);
    let output = harness(&arguments);
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["collisions"], serde_json::json!([]));
    let libraries = record["libraries"].as_array().unwrap();
    for (library, id) in libraries.iter().zip(["not-elf", "file-missing"]) {
        assert_eq!(library["findings"][0]["id"], id);
        assert_eq!(library["findings"][0]["severity"], "error");
        let verdict = &library["verdicts"][0];
        assert_eq!(verdict["runtime"], "pytorch-2.11.0");
        assert_eq!(verdict["verdict"], "fails");
        assert_eq!(verdict["reason"], library["findings"][0]["message"]);
    }
    let note = libraries[0]["note"].as_str().unwrap();
    assert!(text.contains(note), "{note}");
    assert_eq!(libraries[1]["note"], serde_json::Value::Null);
}

#[test]
fn the_status_of_an_inspection_tells_whether_anything_loads_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let text_file = folder.path().join("libops.so");
    std::fs::write(&text_file, "not a library\n").unwrap();
    let inspect = |path: &Path| harness(&["inspect", path.to_str().unwrap()]);
    let output = inspect(&text_file);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = standard_output(&output);
    assert!(text.contains("nothing is known of its framework"), "{text}");
    let itself = Path::new(env!("CARGO_BIN_EXE_harness"));
    let output = inspect(itself);
    assert_eq!(output.status.code(), Some(1), "no op library: {output:?}");
    for absent in [folder.path(), &folder.path().join("absent.so")] {
        assert_eq!(inspect(absent).status.code(), Some(2));
    }
}

#[test]
fn a_runtime_that_is_not_there_is_explained() {
    let output = harness(&["inspect", "/lib.so", "--runtime", "pytorch-two"]);
    assert_eq!(output.status.code(), Some(2));
    let text = standard_error(&output);
    assert!(text.contains("'pytorch-two' is no runtime"), "{text}");
    let output = harness(&["inspect", "/lib.so", "--runtime", "pytorch-2.11.0"]);
    assert_eq!(output.status.code(), Some(3));
    let text = standard_error(&output);
    assert!(text.contains("setup --runtime pytorch-2.11.0"), "{text}");
}
