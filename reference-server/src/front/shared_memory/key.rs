//! The key of a system shared-memory region: the name of a POSIX shared-memory object.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Where the system has shared-memory objects.
const FOLDER: &str = "/dev/shm";
/// Longest name of an object, in bytes.
const LONGEST_NAME: usize = 255;
/// Objects of Triton's Python backend, which clients may not register.
const RESERVED: &str = "triton_python_backend_shm_region_";

/// Why a key opens nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no name of an object, as `shm_open` understands it.
    #[error("the key is no name in {FOLDER}: one '/' at its beginning is allowed and no other")]
    NoName,
    /// It belongs to somebody else.
    #[error("the key contains the reserved prefix '{RESERVED}'")]
    Reserved,
    /// There is something else than a shared-memory object.
    #[error("{FOLDER} has something else than a shared-memory object under that name")]
    NoObject,
    /// The system refuses.
    #[error("{0}")]
    System(Errno),
}

/// The name in `/dev/shm` that a key stands for.
fn name(key: &str) -> Result<&str, KeyError> {
    let name = key.strip_prefix('/').unwrap_or(key);
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.contains(['/', '\0'])
        && !matches!(name, "." | "..");
    if !is_name {
        return Err(KeyError::NoName);
    }
    if name.starts_with(RESERVED) {
        return Err(KeyError::Reserved);
    }
    Ok(name)
}

/// Opens the object of a key for reading and writing, as `shm_open` does. Nothing outside of `/dev/shm`
/// is reached: a key is one name, and no link is followed.
///
/// # Errors
/// [`KeyError`].
pub fn open(key: &str) -> Result<OwnedFd, KeyError> {
    let path = format!("{FOLDER}/{}", name(key)?);
    // Without waiting: it may be a pipe.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let object = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP | Errno::ISDIR | Errno::NXIO => KeyError::NoObject,
        error => KeyError::System(error),
    })?;
    let found = rustix::fs::fstat(&object).map_err(KeyError::System)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(KeyError::NoObject);
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_one_name() {
        assert_eq!(name("/a b"), Ok("a b"));
        assert_eq!(name("a.b.."), Ok("a.b.."));
        for bad in [
            "",
            "/",
            "//a",
            "a/b",
            "/a/",
            ".",
            "..",
            "/..",
            "/../etc/x",
            "a\0",
        ] {
            assert_eq!(name(bad), Err(KeyError::NoName), "{bad:?}");
        }
        assert_eq!(name(&"x".repeat(256)), Err(KeyError::NoName));
        let reserved = format!("/{RESERVED}1");
        assert_eq!(name(&reserved), Err(KeyError::Reserved));
    }

    /// A name in `/dev/shm` that nobody else has; removed at the end.
    struct Name(String);

    impl Name {
        fn new(purpose: &str) -> Self {
            Self(format!(
                "reference-server-key-{purpose}-{}",
                std::process::id()
            ))
        }

        fn path(&self) -> String {
            format!("{FOLDER}/{}", self.0)
        }
    }

    impl Drop for Name {
        fn drop(&mut self) {
            std::fs::remove_file(self.path())
                .or_else(|_| std::fs::remove_dir(self.path()))
                .ok();
        }
    }

    #[test]
    fn only_an_object_is_opened() {
        let object = Name::new("object");
        std::fs::write(object.path(), [1; 10]).unwrap();
        open(&format!("/{}", object.0)).unwrap();
        open(&object.0).unwrap();
        assert_eq!(
            open("reference-server-key-none").unwrap_err(),
            KeyError::System(Errno::NOENT)
        );

        for target in ["/etc/passwd", &object.path()] {
            let link = Name::new("link");
            std::os::unix::fs::symlink(target, link.path()).unwrap();
            assert_eq!(open(&link.0).unwrap_err(), KeyError::NoObject, "{target}");
        }
        let folder = Name::new("folder");
        std::fs::create_dir(folder.path()).unwrap();
        assert_eq!(open(&folder.0).unwrap_err(), KeyError::NoObject);
        let pipe = Name::new("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            pipe.path(),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(open(&pipe.0).unwrap_err(), KeyError::NoObject);
    }

    proptest! {
        #[test]
        fn no_key_leaves_the_folder(key in "(/|\\.|\\.\\.|a|\0|[^/]){0,6}") {
            if let Ok(name) = name(&key) {
                let path = std::path::Path::new(FOLDER).join(name);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new(FOLDER)));
                prop_assert!(path.file_name().is_some());
            }
        }
    }
}
