//! A library that registers an op which the framework has itself.

use runtimes::Framework;
use test_ops::{Op, spelling::built_in};

use super::arrangement::{Arrangement, FIRST, OTHER, SECOND, first, with_libraries};
use super::expected::{BOTH, loads_and_computes, registers_before_main, served};
use super::kernels::with_kernels_apart;
use super::one_form;
use crate::arrangement::{Place, Route, Step};
use crate::making::{APART, Absence, Draft, Made, SUBJECT, TOGETHER, absence};
use crate::observation::{Outcome, Phase};

/// NVIDIA's plugin library, which has the plugin below: the whole one of TensorRT 8, in its full
/// size, and the one of the lean runtimes.
const PLUGIN_LIBRARY: [&str; 3] = [
    "libnvinfer_plugin.so.8",
    "libnvinfer_vc_plugin.so.10",
    "libnvinfer_vc_plugin.so.11",
];
/// A plugin of that library, in no namespace: version 1 in TensorRT 8, version 2 from 10 on.
const PLUGIN: &str = "ROIAlign_TRT";

/// A domain of ONNX Runtime's own, which has a BiasGelu.
const RUNTIME_DOMAIN: &str = "com.microsoft";

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![op(), kernel(), domain()]
}

fn op() -> Arrangement {
    Arrangement::new(
        "built-in-op",
        "A library registers an op that the framework has itself; a second model uses that op and \
         names no library.",
        |draft| {
            let draft = one_form::where_all_but_pytorch_are_the_same(draft)?;
            if draft.framework() == Framework::TensorRt {
                return plugin(draft);
            }
            let draft = two_models(draft, false)?;
            Ok(match draft.framework() {
                // A session asks the libraries first.
                Framework::OnnxRuntime => served(draft, &[])
                    .afterwards([says_whose(&["{library}", "ONNX Runtime's own"])]),
                _ => refused(draft),
            })
        },
    )
}

/// TensorRT has no plugins but those of libraries: NVIDIA's own is one of them, which is listed first.
fn plugin(draft: Draft) -> Made {
    let is_listed = draft.route() == Route::BackendConfig;
    let draft = draft.only(is_listed, absence::PLUGIN_LIBRARY_IS_LISTED)?;
    let (library, model) = (first(&draft), draft.bias_gelu(SUBJECT));
    let library = library.with_domain("").with_op_named(Op::BiasGelu, PLUGIN);
    let draft = draft
        .library(FIRST, library, Place::Root)
        .library_of_runtime(OTHER, &PLUGIN_LIBRARY);
    let draft = loads_and_computes(with_libraries(draft, model, &[OTHER, FIRST]));
    let draft = draft.expect(&[], Outcome::RefusedStart, Phase::Register, &BOTH);
    Ok(served(draft.on_versions("<10"), &[]))
}

fn kernel() -> Arrangement {
    Arrangement::new(
        "built-in-kernel",
        "A library brings a kernel for an op of the framework; a second model uses that op and \
         names no library. PyTorch takes the newest for all models of the process, and the server \
         warns; TensorFlow cannot choose.",
        |draft| {
            let draft = one_form::where_all_is_the_same(with_kernels_apart(draft)?)?;
            let draft = two_models(draft, true)?;
            if draft.framework() != Framework::PyTorch {
                return Ok(refused(draft));
            }
            let whose: &[&str] = match draft.route() {
                Route::Environment | Route::Flag => &["Overriding a previously registered kernel"],
                _ => &["{library}", "PyTorch's own"],
            };
            let draft = draft.afterwards([says_whose(whose)]);
            Ok(if draft.route().is_launch() {
                // It was given to all models.
                served(draft, &[])
            } else {
                served(draft, &APART).expect(
                    &TOGETHER,
                    Outcome::Shadowed,
                    Phase::FirstRun,
                    &["'second'", "{library}"],
                )
            })
        },
    )
}

fn domain() -> Arrangement {
    Arrangement::new(
        "built-in-domain",
        "A library registers ops in the domain of ONNX Runtime's contributed ops, which have a \
         BiasGelu: the library's answers.",
        |draft| {
            let draft = draft.only_onnxruntime("see built-in-op")?;
            let draft = one_form::where_all_is_the_same(draft)?;
            let library = first(&draft).with_domain(RUNTIME_DOMAIN);
            let model = draft.bias_gelu(SUBJECT).with_domains(&[RUNTIME_DOMAIN]);
            let draft = draft.library(FIRST, library, Place::Root);
            let draft = with_libraries(draft, model, &[FIRST])
                .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .afterwards([says_whose(&["{library}", "ONNX Runtime's own"])]);
            Ok(served(draft, &[]))
        },
    )
}

/// The library, a model that has it, and one that uses the same op and names no library: unless the
/// library was given to all models, the framework itself should answer that one.
fn two_models(draft: Draft, kernels_only: bool) -> Made {
    let own = built_in(draft.framework()).ok_or(Absence(absence::NO_BUILT_IN_PLUGINS))?;
    let library = first(&draft).with_domain(own.domain);
    let mut library = library.with_op_named(own.op, own.name);
    library.kernels_only = kernels_only;
    let subject = draft
        .model_of(SUBJECT, own.op, own.data_type)
        .with_domains(&[own.domain])
        .with_operator_name(own.name);
    let second = subject.clone().with_name(SECOND);
    let draft = draft.library(FIRST, library, Place::Root);
    Ok(with_libraries(draft, subject, &[FIRST])
        .model(second, &[])
        .steps([
            Step::Load(SUBJECT),
            Step::Load(SECOND),
            Step::Compute(SUBJECT),
            Step::Compute(SECOND),
        ]))
}

/// PyTorch takes a namespace once, TensorFlow cannot choose between two kernels.
fn refused(draft: Draft) -> Draft {
    if registers_before_main(&draft) {
        return draft.expect(&[], Outcome::Aborted, Phase::Preload, &["signal 6"]);
    }
    let outcome = match draft.framework() {
        _ if draft.route().is_launch() => Outcome::RefusedStart,
        Framework::PyTorch => Outcome::WorkerCrashed,
        _ => Outcome::Rejected,
    };
    let texts = ["{library}", draft.framework().title(), "itself"];
    draft.expect(&[], outcome, Phase::Register, &texts)
}

/// A line of the log says whose op it is that the library takes over.
fn says_whose(texts: &[&str]) -> Step {
    Step::LogSays(texts.iter().map(|&text| text.to_owned()).collect())
}
