//! One op library: its facts, its findings and its verdicts.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::{CatalogEntry, Framework, Runtime, Size};
use serde::Serialize;

use crate::built_for::{header_lines, releases_of};
use crate::check::registration::Registration;
use crate::code::{ApiLevel, Program, requested_api_level, runs_when_opened};
use crate::content::contains;
use crate::elf::{Bytes, FileBytes, Header, HeaderError, Image, LocalSymbols, Memory, Sections};
use crate::framework::onnxruntime::ENTRY_POINT;
use crate::framework::pytorch::is_registration;
use crate::framework::recognise;
use crate::gpu::GpuCode;
use crate::loader::{InProcess, Scope};
use crate::machine::Gpu;
use crate::names::DeclaredKernel;
use crate::stable_abi::drops_registration_errors;
use crate::{
    Before, Finding, FindingId, InspectError, Judgement, Package, PyTorchRelease, RegisteredName,
    Severity, StableAbi, Verdict, check, names,
};

/// How many bytes of a file that is no ELF file are looked at to say what it is.
const START_SIZE: u64 = 512;

/// What one file tells about itself. Nothing of it was loaded.
#[derive(Clone, Debug, Serialize)]
pub struct OpLibrary {
    /// The file, as it was given.
    pub path: PathBuf,
    /// BLAKE3 of the content, 64 hexadecimal digits: two libraries are the same if and only if
    /// these are.
    pub content_hash: String,
    /// Size in bytes.
    pub size: u64,
    /// The linker's build id, where there is one, as hexadecimal digits.
    pub build_id: Option<String>,
    /// The name that others need it under.
    pub soname: Option<String>,
    /// The Python package that it was installed with, where that is told beside it.
    pub package: Option<Package>,
    /// The names of the libraries that it needs, in the loader's order.
    pub needed: Vec<String>,
    /// The frameworks that it belongs to, as far as its symbols tell.
    pub frameworks: Vec<Framework>,
    /// The names that it registers, as far as the file tells.
    pub registers: Vec<RegisteredName>,
    /// Which of the interfaces that it uses hold across versions.
    pub stable_abi: StableAbi,
    /// Whether it defines ops through PyTorch's stable interface with headers that drop the error
    /// where an op is defined already.
    pub drops_registration_errors: bool,
    /// The code for GPUs that it holds.
    pub gpu_code: GpuCode,
    /// What holds whatever the runtime is, the worst first.
    pub findings: Vec<Finding>,
    /// `None` where a finding says that it cannot be loaded at all.
    #[serde(skip)]
    parts: Option<Parts>,
}

/// What the checks against a runtime need.
#[derive(Clone, Debug)]
struct Parts {
    image: Arc<Image>,
    /// What ONNX Runtime's entry point lacks.
    onnxruntime_entry: Vec<Finding>,
    /// Whether what runs when it is opened registers with PyTorch, where the code tells.
    registers_when_opened: Option<bool>,
    /// The kernels of ops of PyTorch that it defines itself.
    kernels: Vec<DeclaredKernel>,
    /// The level of ONNX Runtime's interface that it asks for.
    api_level: ApiLevel,
    /// The releases of PyTorch that it may have been built for.
    pytorch: Vec<PyTorchRelease>,
}

/// Reads the library at `path` and checks what can be checked without a runtime.
///
/// A file that is no usable library gives an [`OpLibrary`] with findings that say so; its verdict
/// is then `Fails` for every runtime.
///
/// # Errors
/// There is no regular file that can be read at `path`.
pub fn inspect(path: &Path) -> Result<OpLibrary, InspectError> {
    // Not blocking: a FIFO without a writer must not hold the server up.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .map_err(|source| InspectError::open(path, source))?;
    let unreadable = |source| InspectError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let data = file.metadata().map_err(unreadable)?;
    if !data.is_file() {
        return Err(InspectError::NotRegular {
            path: path.to_owned(),
            kind: kind(&data.file_type()),
        });
    }
    let content_hash = hash(&file).map_err(unreadable)?;
    let bytes = FileBytes::new(file, data.len());
    let mut library = OpLibrary::read(path, content_hash, &bytes);
    library.package = Package::of(path);
    Ok(library)
}

impl OpLibrary {
    pub(crate) fn read(path: &Path, content_hash: String, bytes: &dyn Bytes) -> Self {
        let mut library = Self {
            path: path.to_owned(),
            content_hash,
            size: bytes.len(),
            build_id: None,
            soname: None,
            package: None,
            needed: Vec::new(),
            frameworks: Vec::new(),
            registers: Vec::new(),
            stable_abi: StableAbi::default(),
            drops_registration_errors: false,
            gpu_code: GpuCode::default(),
            findings: Vec::new(),
            parts: None,
        };
        library.read_parts(bytes);
        library.findings.sort();
        library
    }

    fn read_parts(&mut self, bytes: &dyn Bytes) {
        let path = self.path.clone();
        let start = bytes
            .read(0, bytes.len().min(START_SIZE))
            .unwrap_or_default();
        let header = match Header::parse(&start) {
            Ok(header) => header,
            Err(HeaderError::NotElf) => {
                self.findings.push(check::format::not_elf(&path, &start));
                return;
            }
            Err(HeaderError::Truncated) => {
                let error = crate::elf::ImageError::Truncated {
                    part: "header",
                    needs: Header::MAX_SIZE,
                };
                self.findings
                    .push(check::format::unreadable(&path, bytes.len(), error));
                return;
            }
        };
        self.findings
            .extend(check::architecture::check(&path, &header));
        self.findings
            .extend(check::object_type::check(&path, &header));
        if !self.findings.is_empty() {
            return;
        }
        let image = match Image::read(&header, bytes) {
            Ok(image) => Arc::new(image),
            Err(error) => {
                self.findings
                    .push(check::format::unreadable(&path, bytes.len(), error));
                return;
            }
        };
        let sections = Sections::read(&header, bytes);
        self.gpu_code = GpuCode::read(bytes, &image.mapped, &sections);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        self.stable_abi = StableAbi::of(&image, &file_name);
        self.drops_registration_errors = drops_registration_errors(bytes, &image);
        self.build_id = image.build_id.clone();
        self.soname = image.soname.clone();
        self.needed = image.needed.clone();
        self.frameworks = recognise(&image);
        let local_symbols = LocalSymbols::read(&sections, bytes);
        let mut api_level = ApiLevel::Unknown;
        let mut registers_when_opened = None;
        let mut kernels = Vec::new();
        if let Ok(memory) = Memory::read_headers(&header, bytes) {
            let program = (!self.frameworks.is_empty())
                .then(|| Program::read(&image, &memory, &local_symbols))
                .flatten();
            if let Some(program) = &program {
                let registrations = names::read(&self.frameworks, program);
                self.registers = registrations.names;
                kernels = registrations.kernels;
                if self.frameworks.contains(&Framework::PyTorch) {
                    registers_when_opened = runs_when_opened(program, &is_registration);
                }
            }
            if let Some(entry) = image.symbols.function_address(ENTRY_POINT) {
                api_level = requested_api_level(entry, &|address, size| {
                    memory.read_up_to(address, size as u64)
                });
            }
        }
        self.findings
            .extend(check::truncation::check(&path, &header, bytes.len()));
        self.findings
            .extend(check::object_type::check_image(&path, &image));
        self.findings.extend(check::mapping::check(&path, &image));
        self.findings
            .extend(check::text_relocations::check(&path, &image));
        self.findings
            .extend(check::search_path::check(&path, &image));
        self.findings
            .extend(check::unloading::check(&path, &image, &self.frameworks));
        let onnxruntime_entry = check::entry_point::onnxruntime(&path, &image, &local_symbols);
        let pytorch = if self.frameworks.contains(&Framework::PyTorch) {
            releases_of(&header_lines(bytes, &image))
        } else {
            Vec::new()
        };
        self.parts = Some(Parts {
            image,
            onnxruntime_entry,
            api_level,
            registers_when_opened,
            kernels,
            pytorch,
        });
    }

    /// The releases of PyTorch that it may have been built for, in ascending order; none where
    /// nothing in it tells.
    pub fn pytorch_releases(&self) -> &[PyTorchRelease] {
        self.parts.as_ref().map_or(&[], |parts| &parts.pytorch)
    }

    /// Everything that was found, with what holds for `runtime` alone; the worst first.
    pub fn findings_for(&self, runtime: &Runtime) -> Vec<Finding> {
        self.findings_after(runtime, Before::default())
    }

    /// [`findings_for`](Self::findings_for) in a worker that has the libraries `before` in its
    /// process already.
    pub fn findings_after(&self, runtime: &Runtime, before: Before<'_>) -> Vec<Finding> {
        self.judge(runtime, before).findings
    }

    /// What the GPUs of this machine make of the library's code for GPUs. The first call asks the
    /// driver's tool which GPUs there are, where a driver is and the library has such code.
    pub fn gpu_findings(&self) -> Vec<Finding> {
        if !self.gpu_code.is_for_nvidia() {
            return Vec::new();
        }
        check::gpu_code::check(&self.path, &self.gpu_code, Gpu::present())
    }

    /// Does a worker of `runtime` that gets this library end up with its ops registered, on this
    /// machine? Of several reasons against it, the one that would show first is given.
    pub fn verdict(&self, runtime: &Runtime) -> Verdict {
        self.verdict_after(runtime, Before::default())
    }

    /// [`verdict`](Self::verdict) for a worker that has the libraries `before` in its process
    /// already.
    pub fn verdict_after(&self, runtime: &Runtime, before: Before<'_>) -> Verdict {
        self.judge(runtime, before).verdict
    }

    /// Findings and verdict for `runtime` at once.
    pub fn judge(&self, runtime: &Runtime, before: Before<'_>) -> Judgement {
        let mut findings = self.findings.clone();
        findings.extend(self.gpu_findings());
        let mut registration = None;
        if let Some(parts) = &self.parts {
            let preloaded = images(before.preloaded);
            let loaded = images(before.loaded);
            let is_preloaded = preloaded.iter().any(|(other, _)| *other == self.path);
            let before = InProcess {
                preloaded: &preloaded,
                loaded: &loaded,
            };
            match Scope::resolve(&self.path, &parts.image, runtime, before) {
                Err(link) => {
                    findings.push(check::dependencies::missing(self, &link, runtime));
                }
                Ok(scope) => {
                    let framework = runtime.name.framework;
                    findings.extend(check::second_copy::check(&self.path, framework, &scope));
                    if !is_preloaded {
                        check::mapping::check_opened(&self.path, &scope, &mut findings);
                    }
                    findings.extend(check::symbol_versions::check(&self.path, &scope));
                    findings.extend(check::undefined_symbols::check(&self.path, &scope));
                    findings.extend(check::api_level::check(
                        &self.path,
                        runtime.name,
                        parts.api_level,
                    ));
                    findings.extend(check::layout_change::check(
                        &self.path,
                        runtime.name,
                        &parts.image,
                        &parts.pytorch,
                    ));
                    findings.extend(check::layout_change::other_release(
                        &self.path,
                        runtime.name,
                        &parts.pytorch,
                    ));
                    let when_opened = parts.registers_when_opened;
                    if framework == Framework::PyTorch && when_opened != Some(false) {
                        findings.extend(check::schema::check(&self.path, &parts.kernels));
                    }
                    registration =
                        Some(check::registration::check(&self.path, &scope, when_opened));
                }
            }
            match &registration {
                Some(Registration::Present(_)) => {}
                // What ONNX Runtime's entry point lacks is known more exactly.
                _ if runtime.name.framework == Framework::OnnxRuntime => {
                    findings.extend(parts.onnxruntime_entry.iter().cloned());
                }
                Some(Registration::Absent { finding, .. }) => findings.push(finding.clone()),
                None => {}
            }
        }
        if let Some(advice) = self
            .package
            .as_ref()
            .and_then(|own| own.advice(runtime.name))
        {
            for finding in &mut findings {
                if finding.id.tells_of_another_release() {
                    finding.remedy = format!("{advice}; its author: {}", finding.remedy);
                }
            }
        }
        findings.sort();
        findings.dedup();
        let verdict = self.conclude(runtime, &findings, registration.as_ref());
        Judgement { findings, verdict }
    }

    fn conclude(
        &self,
        runtime: &Runtime,
        findings: &[Finding],
        registration: Option<&Registration>,
    ) -> Verdict {
        let first = findings
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        match (first, registration) {
            (Some(first), Some(Registration::Absent { finding, certain })) if first == finding => {
                Verdict::RegistersNothing {
                    reason: finding.message.clone(),
                    remedy: finding.remedy.clone(),
                    certain: *certain,
                }
            }
            (Some(first), _) => Verdict::failure(first),
            (None, Some(Registration::Present(how))) => self.passed(runtime, how),
            (None, _) => Verdict::NeedsTrial {
                reason: format!("nothing in '{}' tells", self.path.display()),
            },
        }
    }

    /// Nothing speaks against a library that registers, as `how` says.
    fn passed(&self, runtime: &Runtime, how: &str) -> Verdict {
        let everything = format!(
            "every library and symbol that '{}' needs is there with {}, and {how}",
            self.path.display(),
            runtime.name
        );
        let level = self.parts.as_ref().map(|parts| parts.api_level);
        if runtime.name.framework == Framework::OnnxRuntime && level == Some(ApiLevel::Computed) {
            return Verdict::NeedsTrial {
                reason: format!(
                    "{everything}; which API level it asks for is computed when it runs"
                ),
            };
        }
        Verdict::Loads { reason: everything }
    }

    /// The size of `entry`'s runtime that this library needs to be loaded: the full one where that
    /// alone brings a library that it names as needed.
    pub fn size_for(&self, entry: &CatalogEntry) -> Size {
        self.needed
            .iter()
            .filter_map(|name| entry.size_with(name))
            .max()
            .unwrap_or_default()
    }

    /// Whether closing the library will leave it mapped, as far as the file tells.
    pub fn stays_mapped(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| {
            matches!(
                finding.id,
                FindingId::PinnedByUniqueSymbol | FindingId::PinnedByFlag
            )
        })
    }

    /// Whether the library names `text`, such as the name or the domain of an op that it may
    /// provide: its loaded data holds it anywhere, or it is a symbol that it exports or imports. A
    /// part of a symbol's name does not count. A file that has changed or gone since the inspection
    /// is read as it is now.
    pub fn mentions(&self, text: &str) -> bool {
        let Some(parts) = &self.parts else {
            return false;
        };
        let symbols = &parts.image.symbols;
        if symbols.exports(text) || symbols.references().any(|reference| reference.name == text) {
            return true;
        }
        File::open(&self.path).is_ok_and(|file| {
            let len = file.metadata().map_or(0, |data| data.len());
            contains(&FileBytes::new(file, len), &parts.image, text.as_bytes())
        })
    }
}

/// The libraries that can be mapped at all.
fn images<'a>(libraries: &[&'a OpLibrary]) -> Vec<(&'a Path, &'a Arc<Image>)> {
    let mapped = libraries.iter().copied();
    mapped
        .filter_map(|library| Some((library.path.as_path(), &library.parts.as_ref()?.image)))
        .collect()
}

const O_NONBLOCK: i32 = 0o4000;

fn hash(mut file: &File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; 1 << 18];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            read => hasher.update(&block[..read]),
        };
    }
}

fn kind(file_type: &fs::FileType) -> &'static str {
    if file_type.is_dir() {
        "a folder"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
