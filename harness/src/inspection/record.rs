//! What was found about each library, as `harness inspect --format json` prints it.

use std::path::{Path, PathBuf};

use op_library::{Before, Finding, InspectError, Judgement, OpLibrary, Verdict};
use runtimes::{Framework, Runtime};
use serde::Serialize;

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// One entry a library, in the order in which they were given.
    pub libraries: Vec<LibraryRecord>,
}

/// What was found about one library.
#[derive(Clone, Debug, Serialize)]
pub struct LibraryRecord {
    /// The file, as it was given.
    pub path: PathBuf,
    /// Size in bytes; `None` where there is no file.
    pub size: Option<u64>,
    /// BLAKE3 of the content, as hexadecimal digits.
    pub content_hash: Option<String>,
    /// The linker's build id, where there is one, as hexadecimal digits.
    pub build_id: Option<String>,
    /// The name that others need it under.
    pub soname: Option<String>,
    /// The libraries that it names as needed, in the loader's order.
    pub needed: Vec<String>,
    /// The frameworks that it belongs to, as far as its symbols tell.
    pub frameworks: Vec<Framework>,
    /// What holds whatever the runtime is, the worst first.
    pub findings: Vec<Finding>,
    /// One entry a runtime, in the order of the runtimes.
    pub verdicts: Vec<VerdictRecord>,
}

/// What is to be said about one library and one runtime.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRecord {
    /// The runtime's name, such as `pytorch-2.11.0`.
    pub runtime: String,
    /// `loads`, `registers-nothing`, `fails` or `needs-trial`.
    pub verdict: &'static str,
    /// What the verdict rests on, in one sentence.
    pub reason: String,
    /// What to do about it, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What was found for this runtime alone, the worst first.
    pub findings: Vec<Finding>,
}

impl Record {
    /// Inspects the libraries at `paths` and judges each against each of `runtimes`, alone.
    pub fn of(paths: &[PathBuf], runtimes: &[Runtime]) -> Self {
        let libraries = paths
            .iter()
            .map(|path| match op_library::inspect(path) {
                Ok(library) => LibraryRecord::of(&library, runtimes),
                Err(error) => LibraryRecord::of_no_file(path, &error, runtimes),
            })
            .collect();
        Self { libraries }
    }
}

impl LibraryRecord {
    fn of(library: &OpLibrary, runtimes: &[Runtime]) -> Self {
        let verdicts = runtimes
            .iter()
            .map(|runtime| {
                let Judgement {
                    mut findings,
                    verdict,
                } = library.judge(runtime, Before::default());
                findings.retain(|finding| !library.findings.contains(finding));
                VerdictRecord::new(runtime, &verdict, findings)
            })
            .collect();
        Self {
            path: library.path.clone(),
            size: Some(library.size),
            content_hash: Some(library.content_hash.clone()),
            build_id: library.build_id.clone(),
            soname: library.soname.clone(),
            needed: library.needed.clone(),
            frameworks: library.frameworks.clone(),
            findings: library.findings.clone(),
            verdicts,
        }
    }

    /// There is no file that could be inspected.
    fn of_no_file(path: &Path, error: &InspectError, runtimes: &[Runtime]) -> Self {
        let finding = error.finding();
        let verdict = Verdict::Fails {
            reason: finding.message.clone(),
            remedy: finding.remedy.clone(),
        };
        let verdicts = runtimes
            .iter()
            .map(|runtime| VerdictRecord::new(runtime, &verdict, Vec::new()))
            .collect();
        Self {
            path: path.to_owned(),
            size: None,
            content_hash: None,
            build_id: None,
            soname: None,
            needed: Vec::new(),
            frameworks: Vec::new(),
            findings: vec![finding],
            verdicts,
        }
    }

    /// The verdicts about runtimes of `framework`.
    pub fn verdicts_of(&self, framework: Framework) -> impl Iterator<Item = &VerdictRecord> {
        let prefix = format!("{framework}-");
        let verdicts = self.verdicts.iter();
        verdicts.filter(move |verdict| verdict.runtime.starts_with(&prefix))
    }
}

impl VerdictRecord {
    fn new(runtime: &Runtime, verdict: &Verdict, findings: Vec<Finding>) -> Self {
        Self {
            runtime: runtime.name.to_string(),
            verdict: verdict.name(),
            reason: verdict.reason().to_owned(),
            remedy: verdict.remedy().map(str::to_owned),
            findings,
        }
    }
}
