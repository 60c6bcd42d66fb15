//! The command line and the environment of a case's server.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::conduct::Setting;
use super::folder::{ArrangeError, CaseFolder};
use crate::arrangement::{ControlMode, Place, Route};
use crate::case::Case;
use crate::expectation::{Placeholders, Profile};
use crate::server::ServerCommand;

/// What the dynamic loader brings into a process.
const PRELOAD: &str = "LD_PRELOAD";
/// Where the dynamic loader looks for libraries first.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// How the server of one case is launched.
///
/// # Errors
/// The arrangement contradicts itself.
pub fn launch_command(
    case: &Case,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<ServerCommand, ArrangeError> {
    let launch = &case.arrangement.launch;
    let mut command = ServerCommand::new(&setting.options.server_bin)
        .working_directory(folder.root())
        .flag("model-repository", folder.models())
        .flag("model-control-mode", launch.control_mode.flag())
        .flag("exit-on-error", launch.exit_on_error.to_string());
    command = match setting.options.profile {
        Profile::Reference => of_reference_server(command, case, setting, folder)?,
        Profile::Triton => of_triton(command, &setting.options.server_bin),
    };
    if launch.control_mode == ControlMode::Poll {
        command = command.flag("repository-poll-secs", "1");
    }
    for model in &launch.load_models {
        command = command.flag("load-model", model);
    }
    give_libraries(command, case, setting, folder)
}

/// Adds what only the reference server has a flag for.
///
/// # Errors
/// A package that a library lies in is not installed.
fn of_reference_server(
    mut command: ServerCommand,
    case: &Case,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<ServerCommand, ArrangeError> {
    let launch = &case.arrangement.launch;
    let seconds = |duration: Duration| duration.as_secs_f64().ceil().to_string();
    for framework in case.frameworks() {
        if let Some(runtime) = setting.supply.default_runtime(case, framework) {
            command = command.flag("runtime", format!("{framework}={runtime}"));
        }
    }
    command = command
        .flag("op-library-root", folder.libraries())
        .flag("isolation", setting.isolation_of(case).name())
        .flag("runtime-cache", &setting.options.runtime_cache)
        .flag(
            "runtime-select",
            if launch.strict_runtime {
                "strict"
            } else {
                "auto"
            },
        )
        .flag("load-timeout", seconds(launch.load_timeout))
        .flag("execution-timeout", seconds(launch.execution_timeout));
    for library in &case.arrangement.libraries {
        if let Place::Package(published) = library.place {
            command = command.flag("op-library-root", setting.supply.package(published)?);
        }
    }
    Ok(command)
}

/// Adds what Triton needs beside. Its backends lie beside the folder of its executable, unless it
/// was built into another place, which it knows.
fn of_triton(command: ServerCommand, program: &Path) -> ServerCommand {
    let installation = program.parent().and_then(Path::parent);
    let backends = installation.map(|folder| folder.join("backends"));
    match backends.filter(|folder| folder.is_dir()) {
        Some(backends) => command.flag("backend-directory", backends),
        None => command,
    }
}

/// Adds the op libraries that are given at launch.
fn give_libraries(
    mut command: ServerCommand,
    case: &Case,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<ServerCommand, ArrangeError> {
    let launch = &case.arrangement.launch;
    let spelled = |route: Route| -> Result<Vec<String>, ArrangeError> {
        launch
            .libraries
            .iter()
            .filter(|library| library.route == route)
            .map(|library| folder.spell(library.name, library.spelling))
            .collect()
    };
    if launch.library_path {
        let runtime = setting
            .supply
            .default_runtime(case, case.framework)
            .and_then(|name| setting.supply.runtime(name));
        let mut folders: Vec<OsString> = runtime
            .map(|runtime| runtime.library_dirs.iter().map(OsString::from).collect())
            .unwrap_or_default();
        folders.push(folder.libraries().into());
        command = command.environment(LIBRARY_PATH, before(LIBRARY_PATH, folders));
    }
    let preloaded = spelled(Route::Environment)?;
    if !preloaded.is_empty() {
        let preloaded = preloaded.into_iter().map(OsString::from).collect();
        command = command.environment(PRELOAD, before(PRELOAD, preloaded));
    }
    let flagged = spelled(Route::Flag)?;
    if !flagged.is_empty() {
        command = command.flag("preload", flagged.join(":"));
    }
    let plugins = spelled(Route::BackendConfig)?;
    if !plugins.is_empty() {
        let value = format!("{},plugins={}", case.framework, plugins.join(";"));
        command = command.flag("backend-config", value);
    }
    Ok(command)
}

/// `a:b:$VARIABLE`, with the colon also where the variable is empty, as people write it.
fn before(variable: &str, entries: Vec<OsString>) -> OsString {
    let mut value = entries.join(std::ffi::OsStr::new(":"));
    value.push(":");
    value.push(std::env::var_os(variable).unwrap_or_default());
    value
}

/// What stands for the placeholders of a case's expected texts.
///
/// # Errors
/// The arrangement contradicts itself.
pub fn placeholders(
    case: &Case,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<Placeholders, ArrangeError> {
    let mut names = Placeholders {
        runtime: setting
            .supply
            .default_runtime(case, case.framework)
            .map(|runtime| runtime.to_string())
            .unwrap_or_default(),
        ..Placeholders::default()
    };
    let mut libraries = case.arrangement.libraries.iter();
    if let Some(first) = libraries.next() {
        let path = folder.library(first.name)?;
        names.library = path.to_string_lossy().into_owned();
        let file = path.file_name().unwrap_or_default();
        names.file = file.to_string_lossy().into_owned();
    }
    if let Some(second) = libraries.next() {
        let path = folder.library(second.name)?;
        names.second_library = path.to_string_lossy().into_owned();
    }
    Ok(names)
}
