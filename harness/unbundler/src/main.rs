//! The program at the head of a bundle's first part: unpacks it and its other parts.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use unbundler::{Parts, UnpackError, Unpacked};

const USAGE: &str = "\
Unpacks the bundle of which this is the first part; the others lie beside it.

Usage: part-000 [--out DIR]

  --out DIR  where to; the current folder unless given";

/// Wrong command line, as in the harness.
const EXIT_USAGE: u8 = 2;
/// A part is missing or damaged, or the folder cannot be written, as in the harness.
const EXIT_ENVIRONMENT: u8 = 3;

/// What the command line asks for.
enum Request {
    Unpack(PathBuf),
    Help,
}

fn main() -> ExitCode {
    let folder = match request(env::args_os().skip(1)) {
        Ok(Request::Unpack(folder)) => folder,
        Ok(Request::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match unpack(&folder) {
        Ok(unpacked) => {
            println!(
                "unpacked {} files and folders ({} MiB) into '{}'",
                unpacked.entries,
                unpacked.bytes >> 20,
                unpacked.folder.display()
            );
            println!(
                "next: cd '{}' && ./harness run --bundle .",
                unpacked.folder.display()
            );
            if let Some(warning) = unpacked.warning {
                eprintln!("warning: {warning}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_ENVIRONMENT)
        }
    }
}

fn request(mut arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let mut folder = None;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Request::Help),
            Some("--out") => {
                folder = Some(arguments.next().ok_or("--out takes a folder")?);
            }
            _ => return Err(format!("unknown argument '{}'", argument.display())),
        }
    }
    Ok(Request::Unpack(
        folder.map_or_else(|| ".".into(), PathBuf::from),
    ))
}

fn unpack(folder: &std::path::Path) -> Result<Unpacked, UnpackError> {
    let own = env::current_exe().map_err(|source| UnpackError::Read {
        path: "/proc/self/exe".into(),
        source,
    })?;
    unbundler::unpack(&Parts::find(&unbundler::beside(&own)?)?, folder)
}
