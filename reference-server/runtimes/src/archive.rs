//! Unpacking the used members of one wheel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::cache::{RecordedFile, RecordedTree};
use crate::install::io_error;
use crate::pattern::Match;
use crate::{InstallError, Package, Size};

/// More threads than this wait for the disk.
const MAX_THREADS: usize = 4;

/// How much is unpacked between two reports of progress.
const BLOCK: usize = 1 << 20;

/// The bits of a file's mode that let somebody start it.
const ANY_EXECUTE: u32 = 0o111;

/// The mode of programs, as pip sets it.
const EXECUTABLE: u32 = 0o755;

/// A wheel, and the members of it that are used.
pub(crate) struct Archive<'a> {
    path: &'a Path,
    package: &'a Package,
    members: Vec<Member>,
}

/// A used member of a wheel.
#[derive(Clone, Debug)]
struct Member {
    /// Its place in the archive.
    index: usize,
    name: String,
    size: u64,
    /// The folder by whose pattern it is used, where that names a folder.
    tree: Option<String>,
}

impl<'a> Archive<'a> {
    /// Reads which members `size` uses.
    ///
    /// # Errors
    /// The wheel cannot be read, or a pattern stands for nothing in it.
    pub(crate) fn open(
        path: &'a Path,
        package: &'a Package,
        size: Size,
    ) -> Result<Self, InstallError> {
        let mut archive = open(path, package)?;
        let mut members = Vec::new();
        let mut idle: Vec<_> = package.used(size).collect();
        for index in 0..archive.len() {
            let file = archive
                .by_index_raw(index)
                .map_err(archive_error(package))?;
            let name = file.name().map_err(archive_error(package))?;
            let name: &str = &name;
            // A member that is a folder has nothing in it; one that leaves the package's folder is
            // in no package that was pinned.
            if file.is_dir() || file.enclosed_name().is_none() {
                continue;
            }
            let fits: Vec<(_, Match<'_>)> = package
                .used(size)
                .filter_map(|pattern| Some((pattern, pattern.fit(name)?)))
                .collect();
            let Some((_, fit)) = fits.first() else {
                continue;
            };
            idle.retain(|pattern| !fits.iter().any(|(fitting, _)| fitting == pattern));
            members.push(Member {
                index,
                name: name.to_owned(),
                size: file.size(),
                tree: match fit {
                    Match::File => None,
                    Match::Tree(folder) => Some((*folder).to_owned()),
                },
            });
        }
        if let Some(pattern) = idle.first() {
            return Err(InstallError::NoMember {
                file: package.file.clone(),
                member: (*pattern).clone(),
            });
        }
        Ok(Self {
            path,
            package,
            members,
        })
    }

    /// Bytes that its used members take when they are unpacked.
    pub(crate) fn unpacked_size(&self) -> u64 {
        self.members.iter().map(|member| member.size).sum()
    }

    /// Unpacks the used members below `content`, with several threads. `progress` hears of each
    /// block's bytes.
    pub(crate) fn unpack(
        &self,
        content: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), InstallError> {
        self.create_folders(content)?;
        let (sender, blocks) = mpsc::channel();
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .shares()
                .into_iter()
                .map(|share| {
                    let sender = sender.clone();
                    scope.spawn(move || self.unpack_share(&share, content, &sender))
                })
                .collect();
            drop(sender);
            blocks.iter().for_each(progress);
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("unpacking does not panic"))
        })
    }

    /// Adds what was unpacked to a record.
    pub(crate) fn record(&self, files: &mut Vec<RecordedFile>, trees: &mut Vec<RecordedTree>) {
        let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for member in &self.members {
            match &member.tree {
                None => files.push(RecordedFile {
                    path: PathBuf::from(&member.name),
                    size: member.size,
                }),
                Some(folder) => {
                    let (count, size) = folders.entry(folder).or_default();
                    *count += 1;
                    *size += member.size;
                }
            }
        }
        trees.extend(
            folders
                .into_iter()
                .map(|(path, (files, size))| RecordedTree {
                    path: PathBuf::from(path),
                    files,
                    size,
                }),
        );
    }

    fn create_folders(&self, content: &Path) -> Result<(), InstallError> {
        let folders: BTreeSet<&Path> = self
            .members
            .iter()
            .filter_map(|member| Path::new(&member.name).parent())
            .collect();
        for folder in folders {
            let folder = content.join(folder);
            fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        }
        Ok(())
    }

    /// The members in as many parts as threads pay off, of about equal size.
    fn shares(&self) -> Vec<Vec<&Member>> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = threads.min(MAX_THREADS).min(self.members.len()).max(1);
        let mut shares = vec![(0, Vec::new()); threads];
        let mut members: Vec<&Member> = self.members.iter().collect();
        members.sort_by_key(|member| std::cmp::Reverse(member.size));
        for member in members {
            if let Some((size, share)) = shares.iter_mut().min_by_key(|(size, _)| *size) {
                // Creating a file costs about as much as unpacking some kilobytes.
                *size += member.size + 4096;
                share.push(member);
            }
        }
        shares.into_iter().map(|(_, share)| share).collect()
    }

    fn unpack_share(
        &self,
        share: &[&Member],
        content: &Path,
        blocks: &mpsc::Sender<u64>,
    ) -> Result<(), InstallError> {
        let mut archive = open(self.path, self.package)?;
        let mut block = vec![0; BLOCK];
        for member in share {
            let target = content.join(&member.name);
            let mut input = archive
                .by_index(member.index)
                .map_err(archive_error(self.package))?;
            let mut output = File::create(&target).map_err(io_error("create", &target))?;
            copy(&mut input, &mut output, &mut block, blocks)
                .map_err(io_error("unpack", &target))?;
            if input
                .unix_mode()
                .is_some_and(|mode| mode & ANY_EXECUTE != 0)
            {
                let mode = Permissions::from_mode(EXECUTABLE);
                output
                    .set_permissions(mode)
                    .map_err(io_error("make executable", &target))?;
            }
        }
        Ok(())
    }
}

/// Copies to the end of `input`, where its checksum is compared, and reports each block.
fn copy(
    input: &mut impl Read,
    output: &mut File,
    block: &mut [u8],
    blocks: &mpsc::Sender<u64>,
) -> io::Result<()> {
    loop {
        let read = input.read(block)?;
        if read == 0 {
            return Ok(());
        }
        output.write_all(&block[..read])?;
        // Nobody listens any more once another thread has failed.
        let _ = blocks.send(read as u64);
    }
}

fn open(path: &Path, package: &Package) -> Result<ZipArchive<File>, InstallError> {
    let file = File::open(path).map_err(io_error("open", path))?;
    ZipArchive::new(file).map_err(archive_error(package))
}

fn archive_error(package: &Package) -> impl Fn(ZipError) -> InstallError {
    let file = package.file.clone();
    move |source| InstallError::Archive {
        file: file.clone(),
        source,
    }
}
