//! What the machine has of what a bundle needs.

use std::ffi::CStr;

use unbundler::CLibraryVersion;

use super::{BundleError, Manifest};

/// The driver's library.
const DRIVER: &str = "libcuda.so.1";

/// Compares the C library and, where GPU cases are going to be run, the driver with what the bundle
/// needs.
///
/// # Errors
/// One of them is too old.
pub fn check(manifest: &Manifest, uses_gpu: bool) -> Result<(), BundleError> {
    check_c_library(manifest, c_library())?;
    if uses_gpu && manifest.cuda.is_some() {
        let offered = driver().map_err(|reason| BundleError::NoDriver { reason })?;
        check_driver(manifest, offered)?;
    }
    Ok(())
}

fn check_c_library(
    manifest: &Manifest,
    installed: Option<CLibraryVersion>,
) -> Result<(), BundleError> {
    let Some((needed, installed)) = manifest.c_library.as_ref().zip(installed) else {
        return Ok(());
    };
    match CLibraryVersion::parse(&needed.version) {
        Some(version) if version > installed => Err(BundleError::CLibrary {
            found: installed.to_string(),
            needed: needed.version.clone(),
            file: needed.file.clone(),
        }),
        _ => Ok(()),
    }
}

/// Compares the driver's `offered` version of CUDA. A driver runs everything of its own major version,
/// and of older ones.
///
/// Source: NVIDIA, "CUDA Compatibility", minor version compatibility.
fn check_driver(manifest: &Manifest, offered: DriverVersion) -> Result<(), BundleError> {
    let Some(needed) = &manifest.cuda else {
        return Ok(());
    };
    match needed.version.parse::<i32>() {
        Ok(major) if major > offered.0 / 1000 => Err(BundleError::Driver {
            found: offered.to_string(),
            needed: needed.version.clone(),
            file: needed.file.clone(),
        }),
        _ => Ok(()),
    }
}

/// The version of the C library in this process.
fn c_library() -> Option<CLibraryVersion> {
    // SAFETY: the function has no precondition and returns a text that lives as long as the process.
    let text = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    CLibraryVersion::parse(text.to_str().ok()?)
}

/// A version of CUDA as the driver counts: 13020 is 13.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DriverVersion(i32);

impl std::fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 1000, self.0 % 1000 / 10)
    }
}

/// The newest version of CUDA that the driver offers.
fn driver() -> Result<DriverVersion, String> {
    // SAFETY: the driver's library is made to be opened by any process; its initializers start nothing.
    let library = unsafe { libloading::Library::new(DRIVER) };
    let library = library.map_err(|error| error.to_string())?;
    let mut version = 0;
    // SAFETY: the function is declared as in cuda.h, `CUresult cuDriverGetVersion(int *)`, and may be
    // called before cuInit.
    let status = unsafe {
        let function = library
            .get::<unsafe extern "C" fn(*mut i32) -> i32>(b"cuDriverGetVersion\0")
            .map_err(|error| error.to_string())?;
        function(&raw mut version)
    };
    if status == 0 {
        Ok(DriverVersion(version))
    } else {
        Err(format!("cuDriverGetVersion returned {status}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Needed;

    fn manifest(c_library: &str, cuda: &str) -> Manifest {
        let needed = |version: &str, file: &str| {
            Some(Needed {
                version: version.to_owned(),
                file: file.to_owned(),
            })
        };
        Manifest {
            harness_version: String::new(),
            commit: None,
            made: jiff::Timestamp::UNIX_EPOCH,
            selection: Vec::new(),
            runtimes: Vec::new(),
            left_out: Vec::new(),
            c_library: needed(c_library, "reference-server"),
            cuda: needed(cuda, "cache/libx.so"),
        }
    }

    #[test]
    fn an_older_c_library_is_told_with_both_versions_and_the_file() {
        let installed = CLibraryVersion {
            major: 2,
            minor: 31,
        };
        let error = check_c_library(&manifest("2.34", "13"), Some(installed)).unwrap_err();
        let text = error.to_string();
        for part in ["glibc 2.31", "reference-server", "2.34"] {
            assert!(text.contains(part), "{text}");
        }
        check_c_library(&manifest("2.4", "13"), Some(installed)).unwrap();
        let own = c_library().expect("tests run with it");
        check(&manifest(&own.to_string(), "13"), false).unwrap();
        let newer = format!("{}.{}", own.major, own.minor + 1);
        assert!(check(&manifest(&newer, "13"), false).is_err());
    }

    #[test]
    fn a_driver_fits_what_is_of_its_major_version_or_older() {
        let check = |needed, offered| {
            check_driver(&manifest("2.34", needed), DriverVersion(offered))
                .map_err(|error| error.to_string())
        };
        assert_eq!(check("13", 13000), Ok(()));
        assert_eq!(check("12", 13020), Ok(()));
        let text = check("13", 12080).unwrap_err();
        assert!(
            text.contains("offers CUDA 12.8") && text.contains("needs CUDA 13"),
            "{text}"
        );
    }
}
