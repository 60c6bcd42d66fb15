//! The environment that the server is launched in.

use runtimes::Framework;
use test_ops::{PluginEntry, Sample};

use crate::arrangement::{Route, Step};
use crate::making::{Definition, OPS, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![library_path_missing()]
}

fn library_path_missing() -> Definition {
    Definition::new(
        "library-path-missing",
        "LD_LIBRARY_PATH does not hold the runtime's libraries. In LD_PRELOAD a library that needs \
         them keeps the process from starting at all, with status 127; given by flag it is served.",
        |draft| {
            let route = draft.route();
            let needs_runtime = draft.framework() != Framework::OnnxRuntime;
            let draft = draft
                .only(needs_runtime, absence::NEEDS_NO_RUNTIME_LIBRARY)?
                .only(
                    matches!(route, Route::Environment | Route::Flag),
                    absence::SERVER_SETS_PATH,
                )?
                .subject(Sample::default().with_plugin_entry(PluginEntry::StaticRegistrar))
                .launch(|launch| launch.library_path = false);
            Ok(match route {
                Route::Environment => {
                    let texts = &["exit status 127", "cannot open shared object file"];
                    draft
                        .loads_at_start()
                        .steps([Step::IsReady])
                        .expect(&[], Outcome::RefusedStart, Phase::Preload, texts)
                        .expect_of_triton_by_loader(Outcome::RefusedStart, Phase::Preload, texts)
                }
                _ => draft
                    .steps([
                        Step::Load(SUBJECT),
                        Step::Compute(SUBJECT),
                        Step::IsMappedOnlyBy(OPS, SUBJECT),
                    ])
                    .expect_served(Phase::FirstRun),
            })
        },
    )
}
