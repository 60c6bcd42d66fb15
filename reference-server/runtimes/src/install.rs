//! Installing a runtime, a tool, or a package for itself into the cache, all or nothing.
//!
//! Everything is built in a hidden sibling of the final folder and renamed into place when it
//! is complete and on disk. A lock file for each folder lets one installation run at a time; the
//! operating system drops the lock of a process that dies, whatever it dies of, so a scratch folder
//! whose lock is free is left over and is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use fs4::FileExt;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::archive::Archive;
use crate::cache::{RECORD_FILE, Record, RecordedFile, RecordedTree};
use crate::catalog::UNPACKED_RATIO;
use crate::{
    Cache, CatalogEntry, Package, Pattern, Pip, PipError, Progress, Runtime, Size, Step, Tool,
};

/// Name of a scratch folder, with the final folder's name and random characters behind it.
const SCRATCH_PREFIX: &str = ".installing-";

/// Installs `entry` into `cache`, at least in `size`, and returns it. Where it is installed so
/// already, nothing is done; where another process or thread installs it, that one's end is
/// awaited. A small runtime is replaced by the full one when that is complete; a server that has
/// the small one open keeps it.
///
/// # Errors
/// A download failed, the disk is full, or a package is not the one that is pinned. In each case
/// nothing is changed and no file is left behind.
pub fn install(
    cache: &Cache,
    entry: &CatalogEntry,
    size: Size,
    pip: &Pip,
    progress: &dyn Progress,
) -> Result<Runtime, InstallError> {
    let name = entry.name();
    let size = size.min(entry.largest_size());
    let installed = || cache.find(&name).filter(|runtime| runtime.size >= size);
    if let Some(runtime) = installed() {
        return Ok(runtime);
    }
    let site = Site::open(&cache.runtimes_dir(), &name.to_string(), progress)?;
    if let Some(runtime) = installed() {
        return Ok(runtime);
    }
    let packages: Vec<&Package> = entry.packages(size).collect();
    let order = Order {
        name: &site.name,
        packages: &packages,
        size,
        disk: entry.disk_size(size),
    };
    let scratch = site.prepare(&order)?;
    let content = scratch.path().join(CONTENT);
    let Unpacked { files, trees } = fetch(&order, pip, scratch.path(), progress)?;
    let links = make_links(entry, &content)?;
    write_record(
        &content,
        &Record {
            name,
            main: entry.main.clone(),
            size,
            python: entry.python.clone(),
            files: files.into_iter().chain(links).collect(),
            trees,
        },
    )?;
    move_into_place(&content, &cache.runtime_dir(&name), scratch.path())?;
    cache.find(&name).ok_or(InstallError::Vanished {
        name: site.name,
        root: cache.root().to_owned(),
    })
}

/// Installs what is used of `package` into a folder of its own, `packages/<name>-<version>` of
/// `cache`, and returns that. Where it is there already, nothing is done; where another process or
/// thread installs it, that one's end is awaited.
///
/// # Errors
/// As [`install()`].
pub fn install_package(
    cache: &Cache,
    package: &Package,
    pip: &Pip,
    progress: &dyn Progress,
) -> Result<PathBuf, InstallError> {
    if let Some(folder) = installed_package(cache, package) {
        return Ok(folder);
    }
    let target = package_dir(cache, package);
    let site = Site::open(&cache.packages_dir(), &package_name(package), progress)?;
    if let Some(folder) = installed_package(cache, package) {
        return Ok(folder);
    }
    let order = Order {
        name: &site.name,
        packages: &[package],
        size: Size::Full,
        disk: package.size.saturating_mul(UNPACKED_RATIO),
    };
    let scratch = site.prepare(&order)?;
    let content = scratch.path().join(CONTENT);
    fetch(&order, pip, scratch.path(), progress)?;
    write_record(&content, package)?;
    move_into_place(&content, &target, scratch.path())?;
    Ok(target)
}

/// The folder of a package that was installed for itself, with all that is used of it now.
pub fn installed_package(cache: &Cache, package: &Package) -> Option<PathBuf> {
    let folder = package_dir(cache, package);
    // The record says what was taken out of the package, which may be less.
    let record = fs::read_to_string(folder.join(RECORD_FILE)).ok()?;
    (toml::from_str(&record).as_ref() == Ok(package)).then_some(folder)
}

/// Installs `tool` into a folder of its own, `tools/<name>-<version>` of `cache`, and returns the
/// path of its program. Where it is there already, nothing is done; where another process or thread
/// installs it, that one's end is awaited.
///
/// # Errors
/// As [`install()`].
pub fn install_tool(
    cache: &Cache,
    tool: &Tool,
    pip: &Pip,
    progress: &dyn Progress,
) -> Result<PathBuf, InstallError> {
    if let Some(program) = installed_tool(cache, tool) {
        return Ok(program);
    }
    let site = Site::open(&cache.tools_dir(), &tool.folder_name(), progress)?;
    if let Some(program) = installed_tool(cache, tool) {
        return Ok(program);
    }
    let packages: Vec<&Package> = tool.packages.iter().collect();
    let order = Order {
        name: &site.name,
        packages: &packages,
        size: Size::Small,
        disk: tool.disk,
    };
    let scratch = site.prepare(&order)?;
    let content = scratch.path().join(CONTENT);
    fetch(&order, pip, scratch.path(), progress)?;
    write_record(&content, tool)?;
    move_into_place(&content, &tool_dir(cache, tool), scratch.path())?;
    installed_tool(cache, tool).ok_or(InstallError::Vanished {
        name: site.name,
        root: cache.root().to_owned(),
    })
}

/// The program of a tool that is installed as the catalogue has it now.
pub fn installed_tool(cache: &Cache, tool: &Tool) -> Option<PathBuf> {
    let folder = tool_dir(cache, tool);
    let record = fs::read_to_string(folder.join(RECORD_FILE)).ok()?;
    let program = folder.join(&tool.program);
    (toml::from_str(&record).as_ref() == Ok(tool) && program.is_file()).then_some(program)
}

fn tool_dir(cache: &Cache, tool: &Tool) -> PathBuf {
    cache.tools_dir().join(tool.folder_name())
}

fn package_dir(cache: &Cache, package: &Package) -> PathBuf {
    cache.packages_dir().join(package_name(package))
}

fn package_name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// What is in a scratch folder and becomes the final one.
const CONTENT: &str = "content";

/// What is to be installed under one name.
struct Order<'a> {
    name: &'a str,
    packages: &'a [&'a Package],
    size: Size,
    /// Bytes that it takes once installed.
    disk: u64,
}

impl Order<'_> {
    fn download_size(&self) -> u64 {
        self.packages
            .iter()
            .fold(0, |sum, package| sum.saturating_add(package.size))
    }
}

/// The place of one folder, which nobody else installs meanwhile.
struct Site {
    folder: PathBuf,
    name: String,
    _lock: Lock,
}

impl Site {
    /// The right to install `name` in `folder`; awaited where somebody else has it.
    fn open(folder: &Path, name: &str, progress: &dyn Progress) -> Result<Self, InstallError> {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            _lock: Lock::acquire(folder, name, progress)?,
        })
    }

    /// Makes room: a scratch folder with an empty one for the content.
    fn prepare(&self, order: &Order<'_>) -> Result<TempDir, InstallError> {
        remove_leftovers(&self.folder, &self.name);
        check_space(&self.folder, order)?;
        let scratch = tempfile::Builder::new()
            .prefix(&format!("{SCRATCH_PREFIX}{}-", self.name))
            .tempdir_in(&self.folder)
            .map_err(io_error("create a scratch folder in", &self.folder))?;
        let content = scratch.path().join(CONTENT);
        fs::create_dir(&content).map_err(io_error("create", &content))?;
        Ok(scratch)
    }
}

/// Downloads, verifies and unpacks everything of `order` into the scratch folder's content.
fn fetch(
    order: &Order<'_>,
    pip: &Pip,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Unpacked, InstallError> {
    let wheels = download(order, pip, scratch, progress)?;
    verify(order, &wheels, progress)?;
    unpack(&wheels, order.size, &scratch.join(CONTENT), progress)
}

/// A downloaded package.
struct Wheel<'a> {
    package: &'a Package,
    path: PathBuf,
}

/// Downloads the packages of `order`.
fn download<'a>(
    order: &Order<'a>,
    pip: &Pip,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Wheel<'a>>, InstallError> {
    let total = order.download_size();
    let mut before = 0;
    order
        .packages
        .iter()
        .enumerate()
        .map(|(index, &package)| {
            let folder = scratch.join(format!("package-{index}"));
            fs::create_dir(&folder).map_err(io_error("create", &folder))?;
            let path = pip
                .download(package, &folder, &|bytes| {
                    progress.update(Step::Downloading, before + bytes, total);
                })
                .map_err(|source| InstallError::Download {
                    name: order.name.to_owned(),
                    source,
                })?;
            before += package.size;
            progress.update(Step::Downloading, before, total);
            Ok(Wheel { package, path })
        })
        .collect()
}

/// Compares every wheel with its pin. pip has done so too; this does not depend on pip's settings.
fn verify(
    order: &Order<'_>,
    wheels: &[Wheel<'_>],
    progress: &dyn Progress,
) -> Result<(), InstallError> {
    let total = wheels.iter().map(|wheel| wheel.package.size).sum();
    let mut done = 0;
    for Wheel { package, path } in wheels {
        let mut file = File::open(path).map_err(io_error("open", path))?;
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut block).map_err(io_error("read", path))?;
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
                name: order.name.to_owned(),
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

/// What was unpacked, as the record lists it.
#[derive(Default)]
struct Unpacked {
    files: Vec<RecordedFile>,
    trees: Vec<RecordedTree>,
}

/// Takes the used files out of the wheels.
fn unpack(
    wheels: &[Wheel<'_>],
    size: Size,
    content: &Path,
    progress: &dyn Progress,
) -> Result<Unpacked, InstallError> {
    let archives: Vec<Archive<'_>> = wheels
        .iter()
        .map(|wheel| Archive::open(&wheel.path, wheel.package, size))
        .collect::<Result<_, _>>()?;
    let total = archives.iter().map(Archive::unpacked_size).sum();
    let mut unpacked = Unpacked::default();
    let mut done = 0;
    for (archive, wheel) in archives.into_iter().zip(wheels) {
        archive.unpack(content, &mut |bytes| {
            done += bytes;
            progress.update(Step::Unpacking, done, total);
        })?;
        archive.record(&mut unpacked.files, &mut unpacked.trees);
        // The disk may not hold all wheels beside all that is in them.
        fs::remove_file(&wheel.path).map_err(io_error("remove", &wheel.path))?;
    }
    Ok(unpacked)
}

/// Makes the entry's links and returns them as files: whoever opens one gets its target.
fn make_links(entry: &CatalogEntry, content: &Path) -> Result<Vec<RecordedFile>, InstallError> {
    entry
        .links
        .iter()
        .map(|link| {
            let path = content.join(&link.path);
            symlink(&link.target, &path).map_err(io_error("create the link", &path))?;
            let data = fs::metadata(&path).map_err(io_error("follow the link", &path))?;
            Ok(RecordedFile {
                path: link.path.clone(),
                size: data.len(),
            })
        })
        .collect()
}

/// Writes the record, and everything before it, to the disk.
fn write_record(content: &Path, record: &impl Serialize) -> Result<(), InstallError> {
    let path = content.join(RECORD_FILE);
    let text = toml::to_string(record).expect("a record is plain data");
    fs::write(&path, text).map_err(io_error("write", &path))?;
    // One call for the whole file system: one for each of thousands of headers takes minutes.
    File::open(content)
        .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
        .map_err(io_error("write", content))
}

/// Gives the finished folder its name. What has the name already (a smaller size, or a runtime in
/// which files are missing) goes into the scratch folder, and away with that.
fn move_into_place(content: &Path, target: &Path, scratch: &Path) -> Result<(), InstallError> {
    if fs::symlink_metadata(target).is_err() {
        rename(content, target)?;
    } else if renameat_with(CWD, content, CWD, target, RenameFlags::EXCHANGE).is_err() {
        // In one step where the file system can: a server may look for the runtime meanwhile.
        replace_in_steps(content, target, &scratch.join("replaced"))?;
    }
    sync_folder(target.parent().unwrap_or(target))
}

/// Moves what is at `target` to `aside` and `content` in its place, or leaves all as it was.
fn replace_in_steps(content: &Path, target: &Path, aside: &Path) -> Result<(), InstallError> {
    fs::rename(target, aside).map_err(io_error("replace", target))?;
    rename(content, target).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = fs::rename(aside, target);
    })
}

fn rename(content: &Path, target: &Path) -> Result<(), InstallError> {
    fs::rename(content, target).map_err(io_error("rename the finished runtime to", target))
}

fn sync_folder(folder: &Path) -> Result<(), InstallError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("write", folder))
}

/// At the peak there are all wheels, the copy that pip makes of one of them, and their content.
fn check_space(folder: &Path, order: &Order<'_>) -> Result<(), InstallError> {
    let largest = order.packages.iter().map(|package| package.size).max();
    let needed = order
        .download_size()
        .saturating_add(largest.unwrap_or_default())
        .saturating_add(order.disk);
    let available = fs4::available_space(folder).map_err(io_error("examine", folder))?;
    if available < needed {
        return Err(InstallError::NoSpace {
            name: order.name.to_owned(),
            folder: folder.to_owned(),
            needed,
            available,
        });
    }
    Ok(())
}

/// Removes scratch folders that no living process uses. A folder that cannot be removed is left:
/// it is in nobody's way.
fn remove_leftovers(folder: &Path, locked: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH_PREFIX))
            .and_then(|rest| rest.rsplit_once('-'))
            .map(|(name, _)| name)
        else {
            continue;
        };
        let _lock = if name == locked {
            None
        } else {
            match Lock::try_acquire(folder, name) {
                Some(lock) => Some(lock),
                None => continue,
            }
        };
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// The right to install one folder, until dropped. The file stays: removing it would let two
/// processes hold locks on two files of one name.
struct Lock {
    _file: File,
}

impl Lock {
    fn open(folder: &Path, name: &str) -> io::Result<File> {
        let path = Self::path(folder, name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
    }

    fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!(".{name}.lock"))
    }

    fn acquire(folder: &Path, name: &str, progress: &dyn Progress) -> Result<Self, InstallError> {
        let path = Self::path(folder, name);
        let file = Self::open(folder, name).map_err(io_error("open", &path))?;
        if FileExt::try_lock(&file).is_err() {
            progress.update(Step::Waiting, 0, 0);
            FileExt::lock(&file).map_err(io_error("lock", &path))?;
        }
        Ok(Self { _file: file })
    }

    fn try_acquire(folder: &Path, name: &str) -> Option<Self> {
        let file = Self::open(folder, name).ok()?;
        FileExt::try_lock(&file).ok()?;
        Some(Self { _file: file })
    }
}

pub(crate) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io {
        action,
        path,
        source,
    }
}

/// Why a runtime, a tool or a package was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// pip did not deliver the pinned package.
    #[error("failed to install {name}: {source}")]
    Download {
        /// The runtime, tool or package.
        name: String,
        /// The cause.
        source: PipError,
    },
    /// The file system is too full to begin.
    #[error(
        "failed to install {name}: it needs {} MiB in '{}' and {} MiB are free; free some, or \
         choose another cache folder", needed.div_ceil(1 << 20), folder.display(), available >> 20
    )]
    NoSpace {
        /// The runtime, tool or package.
        name: String,
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
    /// A package lacks what the catalogue uses.
    #[error("failed to unpack {file}: it has no member '{member}'")]
    NoMember {
        /// The wheel's file name.
        file: String,
        /// The file, or the pattern.
        member: Pattern,
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
        name: String,
        /// The cache.
        root: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_stays_where_the_new_one_cannot_be_moved() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("runtime")).expect("a folder");
        fs::write(path("runtime/old"), "").expect("a file");
        let error =
            replace_in_steps(&path("content"), &path("runtime"), &path("aside")).unwrap_err();
        assert!(error.to_string().contains("rename the finished"), "{error}");
        assert!(path("runtime/old").is_file());

        fs::create_dir(path("content")).expect("a folder");
        replace_in_steps(&path("content"), &path("runtime"), &path("aside")).expect("replaced");
        assert!(!path("runtime/old").exists());
        assert!(path("aside/old").is_file());
    }
}
