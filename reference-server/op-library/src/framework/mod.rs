//! Which frameworks a library belongs to; one module a framework.

pub(crate) mod onnxruntime;

use runtimes::Framework;

use crate::elf::Image;

/// The frameworks whose entry points, symbols or libraries the file names.
pub(crate) fn recognise(image: &Image) -> Vec<Framework> {
    let mut frameworks = Vec::new();
    if onnxruntime::recognise(image) {
        frameworks.push(Framework::OnnxRuntime);
    }
    frameworks
}
