//! Op libraries that come with a runtime, such as TorchVision's: there where they can be, and never
//! in the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use op_library::OpLibrary;
use runtimes::Runtime;

use super::Hosting;
use crate::front::collision::Collision;
use crate::front::op_set::OpSet;
use crate::worker::backend::LibraryReport;

impl Hosting {
    /// Whether a library that comes with the runtime is left out because one that was asked for
    /// registers the same op.
    pub(super) async fn gives_way(
        &self,
        runtime: &Runtime,
        bundled: &LibraryReport,
        set: &OpSet,
    ) -> bool {
        let own: &[_] = if self.isolation.separates_op_sets() {
            &set.own
        } else {
            // One worker for models with different libraries.
            &[]
        };
        for library in set.for_all_models().chain(own) {
            if !bundled.ops.iter().any(|op| library.mentions(&op.domain)) {
                continue;
            }
            let reports = self
                .registered(runtime, std::slice::from_ref(library))
                .await;
            let reports = reports.as_deref().map_or(&[][..], Vec::as_slice);
            let framework = runtime.name.framework;
            let known = std::slice::from_ref(bundled);
            let mut collisions = reports
                .iter()
                .filter_map(|report| Collision::find(framework, known, report));
            if let Some(collision) = collisions.next() {
                tracing::warn!(
                    "'{}', which comes with {}, is left out: {collision}",
                    bundled.path.display(),
                    runtime.name
                );
                return true;
            }
        }
        false
    }

    /// The op libraries that come with a runtime and that load here. What does not is told once and
    /// left out: nobody asked for it.
    pub(super) async fn usable_bundled(
        &self,
        runtime: &Runtime,
        bridge: Option<&PathBuf>,
    ) -> Vec<(Arc<OpLibrary>, LibraryReport)> {
        let mut usable = Vec::new();
        for path in &runtime.bundled {
            match self.try_bundled(runtime, bridge, path).await {
                Ok(found) => usable.push(found),
                Err(reason) => tracing::warn!(
                    "'{}', which comes with {}, is not available to models: {reason}",
                    path.display(),
                    runtime.name
                ),
            }
        }
        usable
    }

    async fn try_bundled(
        &self,
        runtime: &Runtime,
        bridge: Option<&PathBuf>,
        path: &Path,
    ) -> Result<(Arc<OpLibrary>, LibraryReport), String> {
        let library = self
            .inspections
            .of(path)
            .map_err(|error| error.to_string())?;
        let verdict = library.verdict(runtime);
        if verdict.refuses() {
            return Err(verdict.to_string());
        }
        let reports = self
            .open_alone(runtime, bridge.cloned(), std::slice::from_ref(&library))
            .await
            .map_err(|error| error.message)?;
        let report = reports.into_iter().next();
        let report = report.ok_or("the worker reported nothing about it")?;
        Ok((library, report))
    }
}
