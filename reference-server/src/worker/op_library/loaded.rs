//! A library that the dynamic loader has opened for us.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use procfs::process::MMapPath;

use super::file_identity::FileIdentity;
use crate::worker::exception_barrier;

/// An open library.
pub struct Handle {
    library: Library,
    mapping: Mapping,
}

/// Where the loader has put a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Address of the library's dynamic section, which lies inside its mapping.
    dynamic_section: usize,
    /// The file's path as the kernel shows it.
    path: PathBuf,
}

/// The start of glibc's and musl's `struct link_map`, the part that is documented in `<link.h>`.
#[repr(C)]
struct LinkMap {
    load_address: usize,
    name: *const libc::c_char,
    dynamic_section: *const c_void,
}

impl Handle {
    /// Opens the library; its static initializers run.
    ///
    /// # Errors
    /// The dynamic loader's own words.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| format!("the path '{}' holds a zero byte", path.display()))?;
        // SAFETY: initializers of an op library may do anything; a worker process is there to
        // contain it.
        let handle = unsafe { exception_barrier::open(&name, RTLD_NOW | RTLD_LOCAL) };
        if handle.is_null() {
            return Err(exception_barrier::loader_message());
        }
        let mut link_map: *const LinkMap = std::ptr::null();
        // SAFETY: the handle is open; the request writes one pointer.
        let answer =
            unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut link_map).cast()) };
        let dynamic_section = if answer == 0 && !link_map.is_null() {
            // SAFETY: the loader's record of the library lives while the library is open.
            unsafe { (*link_map).dynamic_section as usize }
        } else {
            0
        };
        Ok(Self {
            // SAFETY: the handle is open, and is closed once.
            library: unsafe { Library::from_raw(handle) },
            mapping: Mapping {
                dynamic_section,
                path: path_at(dynamic_section).unwrap_or_default(),
            },
        })
    }

    /// Where the library is.
    pub(super) fn mapping(&self) -> Mapping {
        self.mapping.clone()
    }

    /// What the library, or else something that it needs, exports under `name`, if anything: what
    /// a framework gets that looks its entry point up itself.
    ///
    /// # Safety
    /// `T` is a pointer type that fits what a library exports under this name.
    pub unsafe fn symbol<T: Copy>(&self, name: &CStr) -> Option<T> {
        // SAFETY: the caller vouches for the type.
        let symbol = unsafe { self.library.get::<T>(name) };
        symbol.ok().map(|symbol| *symbol)
    }

    /// What the library itself exports under `name`, if anything.
    pub fn own_symbol(&self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: only looked up.
        let symbol: *mut c_void = unsafe { self.symbol(name) }?;
        (object_at(symbol.addr()) == object_at(self.mapping.dynamic_section)).then_some(symbol)
    }

    /// Closes the library; its static destructors run if it goes.
    ///
    /// # Errors
    /// The dynamic loader's own words.
    pub(super) fn close(self) -> Result<(), String> {
        // SAFETY: the handle is open and is closed once: `into_raw` gives it up.
        match unsafe { exception_barrier::close(self.library.into_raw()) } {
            0 => Ok(()),
            _ => Err(exception_barrier::loader_message()),
        }
    }
}

impl Mapping {
    /// Whether the library is still there.
    pub(super) fn is_present(&self) -> bool {
        let without_mark = |path: &Path| {
            let text = path.as_os_str().to_string_lossy();
            text.strip_suffix(" (deleted)").unwrap_or(&text).to_owned()
        };
        path_at(self.dynamic_section)
            .is_some_and(|path| without_mark(&path) == without_mark(&self.path))
    }
}

/// Where the object begins that the dynamic loader has mapped around `address`.
fn object_at(address: usize) -> Option<usize> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let address = std::ptr::without_provenance(address);
    // SAFETY: any address may be asked for, and the record is written by the call alone.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: written by the call.
    found.then(|| unsafe { info.assume_init() }.dli_fbase.addr())
}

/// The file that is mapped at `address`.
fn path_at(address: usize) -> Option<PathBuf> {
    let address = address as u64;
    let maps = procfs::process::Process::myself().ok()?.maps().ok()?;
    maps.into_iter()
        .find(|map| map.address.0 <= address && address < map.address.1)
        .and_then(|map| match map.pathname {
            MMapPath::Path(path) => Some(path),
            _ => None,
        })
}

/// `path` with `repetitions` times a `./` before the file's name: the same file to the kernel and
/// to `$ORIGIN`, another name to the loader.
pub(super) fn spelling(path: &Path, repetitions: usize) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if repetitions > 0 => {
            let mut spelled = folder.as_os_str().to_owned();
            for _ in 0..repetitions {
                spelled.push("/.");
            }
            spelled.push("/");
            spelled.push(name);
            PathBuf::from(spelled)
        }
        _ => path.to_owned(),
    }
}

/// What to do about a message of the dynamic loader.
pub fn remedy(message: &str) -> &'static str {
    if message.contains("undefined symbol") {
        "link the library that defines the symbol, or build against the version of the framework \
         that this worker runs"
    } else if message.contains("version `") {
        "build the library on a system that is not newer than this one"
    } else if message.contains("cannot open shared object file") {
        "install the missing library beside it or where the dynamic loader looks, and set its \
         run path"
    } else if message.contains("invalid ELF header") || message.contains("file too short") {
        "the file is no complete shared object; build or copy it again"
    } else if message.contains("wrong ELF class") {
        "build it for this machine's architecture"
    } else {
        "build it again for this system"
    }
}

/// Why a library that was closed is still mapped, as far as it can be told.
pub(super) fn why_it_remains(path: &Path, identity: &FileIdentity) -> String {
    if FileIdentity::of(path).ok().as_ref() != Some(identity) {
        return "the dynamic loader kept it after dlclose; the file has been replaced since, so \
                the reason can no longer be read from it"
            .to_owned();
    }
    let inspected = ::op_library::inspect(path).ok();
    let finding = inspected
        .as_ref()
        .and_then(::op_library::OpLibrary::stays_mapped);
    finding.map_or_else(
        || {
            "the dynamic loader kept it after dlclose, and the file does not tell why: another \
             library or a thread may still use it; it goes when the worker ends"
                .to_owned()
        },
        ToString::to_string,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_names_the_same_file() {
        let path = Path::new("/a/b/lib.so");
        assert_eq!(spelling(path, 0).as_os_str(), "/a/b/lib.so");
        assert_eq!(spelling(path, 2).as_os_str(), "/a/b/././lib.so");
        // Compared as text, as the loader does: `Path` itself considers them equal.
        assert_ne!(spelling(path, 1).as_os_str(), path.as_os_str());
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_in_the_loaders_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.so");
        std::fs::write(&path, "no library").unwrap();
        let Err(message) = Handle::open(&path) else {
            panic!("text was opened as a library");
        };
        assert!(message.contains("text.so"), "{message}");
        assert!(
            remedy(&message).contains("no complete shared object"),
            "{message}"
        );
    }

    #[test]
    fn an_entry_point_of_a_dependency_is_not_the_librarys_own() {
        let folder = tempfile::tempdir().unwrap();
        let compile = |name: &str, source: &str, arguments: &[&str]| {
            let path = folder.path().join(format!("lib{name}.so"));
            let file = folder.path().join(format!("{name}.cpp"));
            std::fs::write(&file, source).unwrap();
            let mut all: Vec<std::ffi::OsString> = vec!["-shared".into(), "-fPIC".into()];
            all.extend([file.into(), "-o".into(), path.clone().into()]);
            all.extend(arguments.iter().map(Into::into));
            let compiler = runtimes::Compiler::find().unwrap();
            compiler.run_in(Some(folder.path()), &all).unwrap();
            path
        };
        compile("inner", "extern \"C\" void inner() {}", &[]);
        let outer = compile(
            "outer",
            "extern \"C\" void inner(); extern \"C\" void outer() { inner(); }",
            &["-L.", "-linner", "-Wl,-rpath,$ORIGIN"],
        );
        let handle = Handle::open(&outer).unwrap();
        assert!(handle.own_symbol(c"outer").is_some());
        assert_eq!(handle.own_symbol(c"inner"), None);
        // SAFETY: only looked up.
        assert!(unsafe { handle.symbol::<*mut c_void>(c"inner") }.is_some());
    }

    #[test]
    fn a_mapping_is_present_while_its_file_is_mapped() {
        let here = path_at(spelling as fn(&Path, usize) -> PathBuf as usize).unwrap();
        let present = Mapping {
            dynamic_section: spelling as fn(&Path, usize) -> PathBuf as usize,
            path: here,
        };
        assert!(present.is_present());
        let gone = Mapping {
            dynamic_section: 8,
            ..present
        };
        assert!(!gone.is_present());
    }
}
