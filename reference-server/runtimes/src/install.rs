//! Installing a runtime into the cache, all or nothing.
//!
//! Everything is built in a hidden sibling of the runtime's folder and renamed into place when it
//! is complete and on disk. A lock file for each runtime lets one installation run at a time; the
//! operating system drops the lock of a process that dies, whatever it dies of, so a scratch folder
//! whose lock is free is left over and is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs4::FileExt;
use sha2::{Digest, Sha256};

use crate::cache::{RECORD_FILE, Record, RecordedFile};
use crate::{
    Cache, CatalogEntry, Package, Pip, PipError, Progress, Runtime, RuntimeName, Size, Step,
};

/// Unpacked libraries are about this many times as large as the wheel that holds them.
const UNPACKED_RATIO: u64 = 3;

/// Name of a scratch folder, with the runtime's name and random characters behind it.
const SCRATCH_PREFIX: &str = ".installing-";

/// Installs `entry` into `cache` and returns it. Where it is installed already, nothing is done;
/// where another process or thread installs it, that one's end is awaited.
///
/// # Errors
/// A download failed, the disk is full, or a package is not the one that is pinned. In each case
/// nothing is installed and no file is left behind.
pub fn install(
    cache: &Cache,
    entry: &CatalogEntry,
    size: Size,
    pip: &Pip,
    progress: &dyn Progress,
) -> Result<Runtime, InstallError> {
    let name = entry.name();
    let wanted = size.min(entry.largest_size());
    let installed = || cache.find(&name).filter(|runtime| runtime.size >= wanted);
    if let Some(runtime) = installed() {
        return Ok(runtime);
    }
    let folder = cache.runtimes_dir();
    fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    let _lock = Lock::acquire(&folder, &name, progress)?;
    if let Some(runtime) = installed() {
        return Ok(runtime);
    }
    remove_leftovers(&folder, &name);
    check_space(&folder, entry)?;

    let scratch = tempfile::Builder::new()
        .prefix(&format!("{SCRATCH_PREFIX}{name}-"))
        .tempdir_in(&folder)
        .map_err(io_error("create a scratch folder in", &folder))?;
    let content = scratch.path().join("content");
    fs::create_dir(&content).map_err(io_error("create", &content))?;
    let wheels = download(entry, pip, scratch.path(), progress)?;
    verify(entry, &wheels, progress)?;
    let files = unpack(entry, &wheels, &content, progress)?;
    write_record(
        &content,
        &Record {
            name,
            main: entry.main.clone(),
            size: wanted,
            python: None,
            files,
        },
    )?;
    move_into_place(&content, &cache.runtime_dir(&name), scratch.path())?;
    cache.find(&name).ok_or(InstallError::Vanished {
        name,
        root: cache.root().to_owned(),
    })
}

/// Downloads all packages; returns the wheels in the packages' order.
fn download(
    entry: &CatalogEntry,
    pip: &Pip,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, InstallError> {
    let total = entry.download_size(Size::Small);
    let mut before = 0;
    entry
        .packages
        .iter()
        .enumerate()
        .map(|(index, package)| {
            let folder = scratch.join(format!("package-{index}"));
            fs::create_dir(&folder).map_err(io_error("create", &folder))?;
            let wheel = pip
                .download(package, &folder, &|bytes| {
                    progress.update(Step::Downloading, before + bytes, total);
                })
                .map_err(|source| InstallError::Download {
                    name: entry.name(),
                    source,
                })?;
            before += package.size;
            progress.update(Step::Downloading, before, total);
            Ok(wheel)
        })
        .collect()
}

/// Compares every wheel with its pin. pip has done so too; this does not depend on pip's settings.
fn verify(
    entry: &CatalogEntry,
    wheels: &[PathBuf],
    progress: &dyn Progress,
) -> Result<(), InstallError> {
    let total = entry.download_size(Size::Small);
    let mut done = 0;
    for (package, wheel) in entry.packages.iter().zip(wheels) {
        let mut file = File::open(wheel).map_err(io_error("open", wheel))?;
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut block).map_err(io_error("read", wheel))?;
            if read == 0 {
                break;
            }
            hasher.update(&block[..read]);
            done += read as u64;
            progress.update(Step::Verifying, done.min(total), total);
        }
        let actual: String = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if actual != package.sha256 {
            return Err(InstallError::Download {
                name: entry.name(),
                source: PipError::HashMismatch {
                    file: package.file.clone(),
                    expected: package.sha256.clone(),
                    actual,
                },
            });
        }
    }
    Ok(())
}

/// Takes the used files out of the wheels.
fn unpack(
    entry: &CatalogEntry,
    wheels: &[PathBuf],
    content: &Path,
    progress: &dyn Progress,
) -> Result<Vec<RecordedFile>, InstallError> {
    let mut files = Vec::new();
    for (package, wheel) in entry.packages.iter().zip(wheels) {
        let archive = File::open(wheel).map_err(io_error("open", wheel))?;
        let mut archive =
            zip::ZipArchive::new(archive).map_err(|source| InstallError::Archive {
                file: package.file.clone(),
                source,
            })?;
        for path in &package.files {
            let size = unpack_file(package, &mut archive, path, content)?;
            files.push(RecordedFile {
                path: path.clone(),
                size,
            });
            progress.update(Step::Unpacking, files.iter().map(|file| file.size).sum(), 0);
        }
    }
    Ok(files)
}

/// Takes one file out of a wheel and returns its size in bytes.
fn unpack_file(
    package: &Package,
    archive: &mut zip::ZipArchive<File>,
    path: &Path,
    content: &Path,
) -> Result<u64, InstallError> {
    let archive_error = |source| InstallError::Archive {
        file: package.file.clone(),
        source,
    };
    // Member names are UTF-8 with `/`; the catalogue's are plain relative paths.
    let mut member = archive
        .by_name(&path.to_string_lossy())
        .map_err(|source| match source {
            zip::result::ZipError::FileNotFound => InstallError::NoMember {
                file: package.file.clone(),
                member: path.to_owned(),
            },
            other => archive_error(other),
        })?;
    let target = content.join(path);
    let folder = target.parent().unwrap_or(content);
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let mut output = File::create(&target).map_err(io_error("create", &target))?;
    let size = io::copy(&mut member, &mut output).map_err(io_error("unpack", &target))?;
    output.sync_all().map_err(io_error("write", &target))?;
    for folder in target
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(content))
    {
        sync_folder(folder)?;
    }
    Ok(size)
}

fn write_record(content: &Path, record: &Record) -> Result<(), InstallError> {
    let path = content.join(RECORD_FILE);
    let text = toml::to_string(record).expect("a record is plain data");
    fs::write(&path, text)
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(io_error("write", &path))?;
    sync_folder(content)
}

/// Gives the finished folder its name. What has the name already is not an installed runtime
/// (files are missing in it); it goes into the scratch folder, and away with that.
fn move_into_place(content: &Path, target: &Path, scratch: &Path) -> Result<(), InstallError> {
    if fs::symlink_metadata(target).is_ok() {
        let aside = scratch.join("replaced");
        fs::rename(target, &aside).map_err(io_error("replace", target))?;
    }
    fs::rename(content, target).map_err(io_error("rename the finished runtime to", target))?;
    sync_folder(target.parent().unwrap_or(target))
}

fn sync_folder(folder: &Path) -> Result<(), InstallError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("write", folder))
}

fn check_space(folder: &Path, entry: &CatalogEntry) -> Result<(), InstallError> {
    let needed = entry
        .download_size(Size::Small)
        .saturating_mul(1 + UNPACKED_RATIO);
    let available = fs4::available_space(folder).map_err(io_error("examine", folder))?;
    if available < needed {
        return Err(InstallError::NoSpace {
            name: entry.name(),
            folder: folder.to_owned(),
            needed,
            available,
        });
    }
    Ok(())
}

/// Removes scratch folders that no living process uses. A folder that cannot be removed is left:
/// it is in nobody's way.
fn remove_leftovers(folder: &Path, locked: &RuntimeName) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH_PREFIX))
            .and_then(|rest| rest.rsplit_once('-'))
            .and_then(|(name, _)| name.parse::<RuntimeName>().ok())
        else {
            continue;
        };
        let _lock = if name == *locked {
            None
        } else {
            match Lock::try_acquire(folder, &name) {
                Some(lock) => Some(lock),
                None => continue,
            }
        };
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// The right to install one runtime, until dropped. The file stays: removing it would let two
/// processes hold locks on two files of one name.
struct Lock {
    _file: File,
}

impl Lock {
    fn open(folder: &Path, name: &RuntimeName) -> io::Result<File> {
        let path = Self::path(folder, name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
    }

    fn path(folder: &Path, name: &RuntimeName) -> PathBuf {
        folder.join(format!(".{name}.lock"))
    }

    fn acquire(
        folder: &Path,
        name: &RuntimeName,
        progress: &dyn Progress,
    ) -> Result<Self, InstallError> {
        let path = Self::path(folder, name);
        let file = Self::open(folder, name).map_err(io_error("open", &path))?;
        if FileExt::try_lock(&file).is_err() {
            progress.update(Step::Waiting, 0, 0);
            FileExt::lock(&file).map_err(io_error("lock", &path))?;
        }
        Ok(Self { _file: file })
    }

    fn try_acquire(folder: &Path, name: &RuntimeName) -> Option<Self> {
        let file = Self::open(folder, name).ok()?;
        FileExt::try_lock(&file).ok()?;
        Some(Self { _file: file })
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io {
        action,
        path,
        source,
    }
}

/// Why a runtime was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// pip did not deliver the pinned package.
    #[error("failed to install {name}: {source}")]
    Download {
        /// The runtime.
        name: RuntimeName,
        /// The cause.
        source: PipError,
    },
    /// The file system is too full to begin.
    #[error(
        "failed to install {name}: it needs {} MiB in '{}' and {} MiB are free; free some, or \
         choose another cache folder", needed.div_ceil(1 << 20), folder.display(), available >> 20
    )]
    NoSpace {
        /// The runtime.
        name: RuntimeName,
        /// Where it would be installed.
        folder: PathBuf,
        /// Bytes that an installation takes at its peak.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// A package is not a readable archive.
    #[error("failed to unpack {file}: {source}")]
    Archive {
        /// The wheel's file name.
        file: String,
        /// The cause.
        source: zip::result::ZipError,
    },
    /// A package lacks a file that the catalogue uses.
    #[error("failed to unpack {file}: it has no member '{}'", member.display())]
    NoMember {
        /// The wheel's file name.
        file: String,
        /// The file.
        member: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to {action} '{}': {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something removed the runtime at once.
    #[error(
        "{name} was installed and is gone again: something else changes '{}'", root.display()
    )]
    Vanished {
        /// The runtime.
        name: RuntimeName,
        /// The cache.
        root: PathBuf,
    },
}
