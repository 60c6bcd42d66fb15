use std::ffi::OsString;

use runtimes::Runtime;

use super::{Recipe, Sources, whole_folder};
use crate::{Broken, PluginEntry, Sample};

/// The entry point is compiled in: definitions of `PLUGIN_ENTRY_CREATORS`,
/// `PLUGIN_ENTRY_REGISTRAR`, `PLUGIN_ENTRY_NONE`, `PLUGIN_ENTRY_MANGLED`.
pub(super) const RECIPE: Recipe = Recipe {
    compile_arguments,
    folder: whole_folder,
    // The server's bridge brings declarations for the versions that no package has headers of.
    needs_headers: false,
};

fn compile_arguments(
    sample: &Sample,
    broken: Option<Broken>,
    runtime: &Runtime,
    sources: &Sources,
) -> Vec<OsString> {
    let entries: &[&str] = match (broken, sample.plugin_entry) {
        (Some(Broken::NoEntryPoint), _) => &["-DPLUGIN_ENTRY_NONE"],
        (Some(Broken::MangledEntryPoint), _) => &["-DPLUGIN_ENTRY_MANGLED"],
        (_, PluginEntry::Creators) => &["-DPLUGIN_ENTRY_CREATORS"],
        (_, PluginEntry::StaticRegistrar) => &["-DPLUGIN_ENTRY_REGISTRAR"],
        (_, PluginEntry::CreatorsAndStaticRegistrar) => {
            &["-DPLUGIN_ENTRY_CREATORS", "-DPLUGIN_ENTRY_REGISTRAR"]
        }
    };
    let version = runtime.name.version;
    let declarations = sources.tensorrt_declarations();
    let mut arguments: Vec<OsString> = entries.iter().map(OsString::from).collect();
    arguments.extend([
        format!("-DRUNTIME_MAJOR={}", version.major()).into(),
        format!("-DRUNTIME_MINOR={}", version.minor()).into(),
        // An SDK's headers need CUDA's, of which they use two types.
        "-idirafter".into(),
        declarations.join("cuda").into(),
    ]);
    if runtime.include_dirs.is_empty() {
        arguments.extend(["-isystem".into(), declarations.into()]);
    }
    arguments
}
