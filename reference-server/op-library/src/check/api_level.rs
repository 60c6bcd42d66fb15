//! Does the runtime offer the level of its interface that the library asks for?

use std::path::Path;

use runtimes::{Framework, RuntimeName};

use crate::code::ApiLevel;
use crate::{Finding, FindingId, Severity};

/// A library that asks ONNX Runtime for a level that `runtime` does not offer gets a null pointer:
/// one that checks reports an error, the others crash.
///
/// ONNX Runtime 1.N offers the levels up to N.
pub(crate) fn check(path: &Path, runtime: RuntimeName, level: ApiLevel) -> Option<Finding> {
    let ApiLevel::Constant(level) = level else {
        return None;
    };
    let offered = runtime.version.minor();
    if runtime.framework != Framework::OnnxRuntime
        || runtime.version.major() != 1
        || level <= offered
    {
        return None;
    }
    Some(Finding {
        severity: Severity::Error,
        id: FindingId::ApiLevelTooNew,
        message: format!(
            "'{}' asks for API level {level}, and {runtime} offers at most level {offered}",
            path.display()
        ),
        remedy: format!(
            "build it with the headers of ONNX Runtime 1.{offered} or older, or use a runtime that \
             offers level {level}: ONNX Runtime 1.{level} or newer"
        ),
    })
}
