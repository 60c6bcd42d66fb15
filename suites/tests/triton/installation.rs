//! A real `tritonserver` from PyPI: the wheel `nvidia-pytriton` holds one with its Python backend.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runtimes::{Cache, Pip};
use suites::server::ServerCommand;

/// The package that holds the server.
const SERVER: &str = "nvidia-pytriton==0.7.0";
/// What models of the Python backend need; the wheel's backend is built for NumPy 1.
const NUMPY: &str = "numpy==1.26.4";
/// Longest time that pip may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);

/// An installed Triton.
pub struct Triton {
    /// The folder that pip installed into.
    site: PathBuf,
    python: Python,
}

/// The machine's Python, in which the backend runs models.
struct Python {
    /// Such as `3.11`.
    version: String,
    /// Where its standard library lies.
    home: String,
    /// Where its shared library lies.
    libraries: String,
}

impl Triton {
    /// The installation in the cache folder, made where it is missing.
    ///
    /// # Errors
    /// Why this machine cannot have one: no Python with a shared library that the wheel has a
    /// backend for, no pip, no network.
    pub fn install() -> Result<Self, String> {
        Pip::find().map_err(|error| error.to_string())?;
        let python = Python::find()?;
        let cache = Cache::locate(None).map_err(|error| error.to_string())?;
        let folder = cache.root().join("tritonserver");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let site = folder.join(format!("{SERVER}-python-{}", python.version));
        // Test processes may run at the same time. The system drops the lock with the file.
        let lock = File::create(folder.join(".lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        let triton = Self { site, python };
        // Written last, so that an interrupted installation does not count.
        let complete = triton.site.join("complete");
        if !complete.is_file() {
            // What an interrupted installation has left; there may be nothing.
            let _ = fs::remove_dir_all(&triton.site);
            triton.download()?;
            triton.place_stub()?;
            fs::write(&complete, "").map_err(|error| error.to_string())?;
        }
        Ok(triton)
    }

    /// The server's executable.
    pub fn program(&self) -> PathBuf {
        self.server().join("bin/tritonserver")
    }

    /// A launch of the server with its Python backend.
    pub fn command(&self) -> ServerCommand {
        ServerCommand::new(self.program())
            // The backend's interpreter looks for packages in the working directory alone.
            .working_directory(&self.site)
            .environment("PYTHONHOME", &self.python.home)
            .environment("LD_LIBRARY_PATH", &self.python.libraries)
            .flag("backend-directory", self.server().join("backends"))
    }

    fn server(&self) -> PathBuf {
        self.site.join("pytriton/tritonserver")
    }

    fn download(&self) -> Result<(), String> {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .args(["--no-deps", "--only-binary=:all:", "--target"])
            .arg(&self.site)
            .args([SERVER, NUMPY])
            .stdin(Stdio::null());
        let log = tempfile::tempfile().map_err(|error| error.to_string())?;
        let write = |log: &File| log.try_clone().map_err(|error| error.to_string());
        pip.stdout(write(&log)?).stderr(write(&log)?);
        let mut child = pip.spawn().map_err(|error| error.to_string())?;
        let deadline = Instant::now() + DOWNLOAD_LIMIT;
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("pip ended with {status}: {}", text(log))),
                None if Instant::now() >= deadline => {
                    // It may have ended just now, which is as good.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("pip took longer than {DOWNLOAD_LIMIT:?}"));
                }
                None => std::thread::sleep(POLL),
            }
        }
    }

    /// Puts the part of the backend that runs in the machine's Python where the server looks for it.
    fn place_stub(&self) -> Result<(), String> {
        const STUB: &str = "triton_python_backend_stub";
        let stubs = self.server().join("python_backend_stubs");
        let stub = stubs.join(&self.python.version).join(STUB);
        let place = self.server().join("backends/python").join(STUB);
        fs::copy(&stub, place).map(drop).map_err(|error| {
            let version = &self.python.version;
            format!("the wheel has no backend for Python {version}: {error}")
        })
    }
}

impl Python {
    fn find() -> Result<Self, String> {
        let output = Command::new("python3")
            .args([
                "-c",
                "import sys, sysconfig as s\n\
                 print('%d.%d' % sys.version_info[:2])\n\
                 print(sys.base_prefix)\n\
                 print(s.get_config_var('LIBDIR'))\n\
                 print(s.get_config_var('INSTSONAME'))",
            ])
            .output()
            .map_err(|error| format!("python3 does not start: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || {
            lines
                .next()
                .ok_or_else(|| format!("python3 says only {text:?}"))
        };
        let (version, home, libraries, name) = (next()?, next()?, next()?, next()?);
        if !Path::new(&libraries).join(&name).is_file() {
            return Err(format!(
                "Python {version} in {home} has no shared library, which the backend needs"
            ));
        }
        Ok(Self {
            version,
            home,
            libraries,
        })
    }
}

fn text(mut log: File) -> String {
    use std::io::{Read, Seek};
    let mut text = String::new();
    // What cannot be read is not told.
    let _ = log.rewind().and_then(|()| log.read_to_string(&mut text));
    text
}
