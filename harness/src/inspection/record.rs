//! What was found about each library, as `harness inspect --format json` prints it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use op_library::{
    Before, Collision, Finding, FindingId, GpuCode, InspectError, Judgement, OpLibrary, Package,
    ProbedLibrary, Providers, PyTorchRelease, RegisteredName, StableAbi, Verdict,
};
use runtimes::{Framework, Runtime};
use serde::Serialize;
use suites::{ProbeError, Prober};

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// One entry a library, in the order in which they were given.
    pub libraries: Vec<LibraryRecord>,
    /// What two of them both register, and what comes of it.
    pub collisions: Vec<Collision>,
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
    /// The names that it registers, as far as its code tells; what a trial found stands with the
    /// verdict.
    pub registers: Vec<RegisteredName>,
    /// The releases of PyTorch that it may have been built for, in ascending order; none where
    /// nothing in it tells.
    pub built_for_pytorch: Vec<PyTorchRelease>,
    /// The Python package that it was installed with, where that is told beside it.
    pub package: Option<Package>,
    /// Whether it keeps to the interfaces that hold across versions.
    pub stable_abi: StableAbi,
    /// Its code for GPUs.
    pub gpu_code: GpuCode,
    /// What holds whatever the runtime is, the worst first.
    pub findings: Vec<Finding>,
    /// One entry a runtime, in the order of the runtimes: those that were named, or else those that
    /// are installed of its frameworks.
    pub verdicts: Vec<VerdictRecord>,
    /// Why there is no verdict, or that its framework is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Against which runtimes libraries are judged.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// All that were named, whatever a library is for.
    Named(&'a [Runtime]),
    /// Of those that are installed, the ones of a library's frameworks.
    Installed(&'a [Runtime]),
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
    /// What came of a trial, where one was made: its ops with schemas and kernels. The verdict is
    /// then that of the trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbedLibrary>,
    /// What the file alone had foretold, where a trial was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<&'static str>,
}

impl Record {
    /// Inspects the libraries at `paths` and judges each `against` runtimes, alone. With a `prober`,
    /// each is also tried in the runtimes of its frameworks, and the trial is the verdict; `begin` is
    /// told of each trial. A file that is given twice collides with nothing: it is opened once.
    ///
    /// # Errors
    /// A trial could not be made.
    pub fn of(
        paths: &[PathBuf],
        against: Against<'_>,
        prober: Option<&Prober>,
        mut begin: impl FnMut(&Path, &Runtime),
    ) -> Result<Self, ProbeError> {
        let mut libraries = Vec::new();
        let mut provided = Vec::new();
        let mut known = BTreeSet::new();
        for path in paths {
            let library = match op_library::inspect(path) {
                Ok(library) => library,
                Err(error) => {
                    let runtimes = against.runtimes_for(&[]);
                    libraries.push(LibraryRecord::of_no_file(path, &error, &runtimes));
                    continue;
                }
            };
            let runtimes = against.runtimes_for(&library.frameworks);
            let mut record = LibraryRecord::of(&library, &runtimes);
            record.note = record.what_is_not_known();
            let mut providers = Providers::of_file(&library);
            if let Some(prober) = prober {
                record.try_out(&runtimes, prober, &mut providers, &mut begin)?;
            }
            if known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                provided.push(providers);
            }
            libraries.push(record);
        }
        Ok(Self {
            libraries,
            collisions: Collision::among(&provided),
        })
    }
}

impl<'a> Against<'a> {
    /// Those for a library of `frameworks`.
    fn runtimes_for(self, frameworks: &[Framework]) -> Vec<&'a Runtime> {
        match self {
            Self::Named(runtimes) => runtimes.iter().collect(),
            Self::Installed(runtimes) => runtimes
                .iter()
                .filter(|runtime| frameworks.contains(&runtime.name.framework))
                .collect(),
        }
    }
}

impl LibraryRecord {
    /// What the file of `library` tells, with a verdict for each of `runtimes`.
    pub fn of(library: &OpLibrary, runtimes: &[&Runtime]) -> Self {
        let mut findings = library.findings.clone();
        findings.extend(library.gpu_findings());
        findings.sort();
        let verdicts = runtimes
            .iter()
            .map(|runtime| {
                let Judgement {
                    findings: all,
                    verdict,
                } = library.judge(runtime, Before::default());
                let own = all
                    .into_iter()
                    .filter(|finding| !findings.contains(finding));
                VerdictRecord::new(runtime, &verdict, own.collect())
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
            registers: library.registers.clone(),
            built_for_pytorch: library.pytorch_releases().to_vec(),
            package: library.package.clone(),
            stable_abi: library.stable_abi.clone(),
            gpu_code: library.gpu_code.clone(),
            findings,
            verdicts,
            note: None,
        }
    }

    /// Whether there is a file that could be opened.
    pub fn is_there(&self) -> bool {
        self.size.is_some()
    }

    /// Whether it loads in none of the runtimes that it was judged against, or is for none at all.
    pub fn loads_nowhere(&self) -> bool {
        let fails =
            |verdict: &VerdictRecord| matches!(verdict.verdict, "fails" | "registers-nothing");
        match self.verdicts.as_slice() {
            [] => self.is_there() && self.frameworks.is_empty(),
            verdicts => verdicts.iter().all(fails),
        }
    }

    /// Why there is no verdict, or that nobody knows its framework.
    fn what_is_not_known(&self) -> Option<String> {
        let is_unread = |finding: &Finding| {
            matches!(
                finding.id,
                FindingId::NotElf
                    | FindingId::TruncatedElf
                    | FindingId::CorruptElf
                    | FindingId::OtherArchitecture
                    | FindingId::NotSharedObject
            )
        };
        match self.frameworks.as_slice() {
            [] if self.findings.iter().any(is_unread) => Some(
                "it was not read any further, so nothing is known of its framework; no runtime on \
                 this machine loads it"
                    .to_owned(),
            ),
            [] => Some(
                "nothing in it belongs to ONNX Runtime, PyTorch, TensorFlow or TensorRT: no worker \
                 gets an op from it"
                    .to_owned(),
            ),
            [framework, ..] if self.verdicts.is_empty() => Some(format!(
                "no runtime of {} is installed that it could be judged against; `cargo harness setup \
                 --framework {framework}` installs one, and --runtime takes the path of one",
                framework.title()
            )),
            _ => None,
        }
    }

    /// Tries the library in each runtime of its frameworks.
    fn try_out(
        &mut self,
        runtimes: &[&Runtime],
        prober: &Prober,
        providers: &mut Providers,
        begin: &mut impl FnMut(&Path, &Runtime),
    ) -> Result<(), ProbeError> {
        for (runtime, verdict) in runtimes.iter().zip(&mut self.verdicts) {
            let framework = runtime.name.framework;
            if !self.frameworks.contains(&framework) {
                continue;
            }
            begin(&self.path, runtime);
            let probe = prober.probe(runtime, &[&self.path])?;
            let Some(probed) = probe.libraries.into_iter().next() else {
                continue;
            };
            providers.add_probed(framework, &probed);
            verdict.replace_by(runtime, probed);
        }
        Ok(())
    }

    /// There is no file that could be inspected.
    fn of_no_file(path: &Path, error: &InspectError, runtimes: &[&Runtime]) -> Self {
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
            registers: Vec::new(),
            built_for_pytorch: Vec::new(),
            package: None,
            stable_abi: StableAbi::default(),
            gpu_code: GpuCode::default(),
            findings: vec![finding],
            verdicts,
            note: None,
        }
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
            probe: None,
            predicted: None,
        }
    }

    /// Puts what came of a trial in the place of what was foretold. A remedy that was foretold for a
    /// failure stays: it tells more than the trial does.
    fn replace_by(&mut self, runtime: &Runtime, probed: ProbedLibrary) {
        let Some(observed) = probed.verdict(runtime.name) else {
            return;
        };
        let foretold = std::mem::replace(&mut self.verdict, observed.name());
        if foretold != self.verdict || self.remedy.is_none() {
            self.remedy = observed.remedy().map(str::to_owned);
        }
        self.predicted = Some(foretold);
        self.reason = observed.reason().to_owned();
        self.probe = Some(probed);
    }
}
