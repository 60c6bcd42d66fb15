//! Does anything keep the dynamic loader from mapping it, beside what it needs of others?

use std::path::Path;

use crate::check::{executable_stack, instruction_set, static_tls};
use crate::elf::Image;
use crate::loader::Scope;
use crate::{Finding, FindingId, Severity};

/// What the file alone tells, whichever way it comes into a process.
pub(crate) fn check(path: &Path, image: &Image) -> Vec<Finding> {
    let who = format!("'{}'", path.display());
    [
        instruction_set::check(&who, image),
        executable_stack::check(&who, image),
        static_tls::check(&who, image),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a running program that opens the library meets, in it and in what comes with it. An error
/// takes the place of the warning that [`check`] gives for the same thing.
pub(crate) fn check_opened(path: &Path, scope: &Scope, findings: &mut Vec<Finding>) {
    for object in scope.newcomers() {
        let who = object.named_beside(path);
        findings.extend(instruction_set::check(&who, &object.image));
        findings.extend(executable_stack::check_opened(&who, &object.image));
        findings.extend(static_tls::check_opened(&who, &object.image));
    }
    let fails = |id: FindingId| {
        let mut errors = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        errors.any(|finding| finding.id == id)
    };
    let replaced: Vec<FindingId> = [FindingId::ExecutableStack, FindingId::StaticTls]
        .into_iter()
        .filter(|id| fails(*id))
        .collect();
    findings
        .retain(|finding| finding.severity == Severity::Error || !replaced.contains(&finding.id));
}
