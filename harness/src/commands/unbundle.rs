//! `harness unbundle`

use unbundler::Parts;

use super::{Failure, print};
use crate::command_line::Unbundle;
use crate::exit_code::Exit;
use crate::quantity::bytes;
use crate::terminal::Terminal;

/// Checks the parts and unpacks them.
pub fn unbundle(arguments: &Unbundle) -> Result<Exit, Failure> {
    let parts = Parts::find(&arguments.parts).map_err(Failure::environment)?;
    let unpacked = unbundler::unpack(&parts, &arguments.out).map_err(Failure::environment)?;
    if let Some(warning) = &unpacked.warning {
        Terminal::standard_error().say(&format!("warning: {warning}"));
    }
    let folder = unpacked.folder.display();
    print(&format!(
        "unpacked {} files and folders ({}) into '{folder}'\nnext: cd '{folder}' && ./harness run \
         --bundle .\n",
        unpacked.entries,
        bytes(unpacked.bytes)
    ))?;
    Ok(Exit::AsExpected)
}
