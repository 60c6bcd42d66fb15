//! Libraries that share a namespace and no op, and libraries that share ops and no namespace.

use runtimes::Framework;
use test_ops::{DEFAULT_DOMAIN, DataType, Op};

use super::arrangement::{
    Arrangement, FIRST, OTHER, SECOND, first, other, two_libraries, with_libraries,
};
use super::expected::{loads_and_computes, refused, served};
use super::one_form;
use crate::arrangement::{Spelling, Step};
use crate::making::{Draft, Made, SUBJECT, VENDOR_DOMAIN, absence};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![same_namespace(), other_namespace(), other_version()]
}

/// Ends the making where ops have no namespace.
pub fn with_namespaces(draft: Draft) -> Made {
    let has_namespaces = draft.framework() != Framework::TensorFlow;
    draft.only(has_namespaces, absence::NO_NAMESPACES)
}

fn same_namespace() -> Arrangement {
    Arrangement::new(
        "same-namespace",
        "Two libraries that register other ops in the same domain or namespace serve the same \
         models.",
        |draft| {
            let draft = one_form::where_all_but_pytorch_are_the_same(with_namespaces(draft)?)?;
            let libraries = [FIRST, OTHER];
            let (first, other) = (first(&draft), other(&draft));
            let subject = draft.bias_gelu(SUBJECT);
            let second = draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32);
            let draft = two_libraries(
                draft,
                first.with_ops(&[Op::BiasGelu]),
                other.with_ops(&[Op::RmsNorm]),
            );
            let draft = with_libraries(draft, subject, &libraries).answered_by(FIRST);
            let named = libraries.map(|library| (library, Spelling::Absolute));
            let named = if draft.route().is_launch() {
                &[][..]
            } else {
                &named
            };
            let draft = loads_and_computes(draft.model(second, named).answered_by(OTHER))
                .steps([Step::Load(SECOND), Step::Compute(SECOND)]);
            match draft.framework() {
                // Names are looked up one by one.
                Framework::TensorRt => Ok(served(draft, &[])),
                _ => refused(draft),
            }
        },
    )
}

fn other_namespace() -> Arrangement {
    Arrangement::new(
        "other-namespace",
        "Two libraries that register ops of the same names in other domains or namespaces serve \
         the same model; each node is answered by its own.",
        |draft| {
            let draft = one_form::where_all_is_the_same(with_namespaces(draft)?)?;
            let (first, other) = (first(&draft), other(&draft).with_domain(VENDOR_DOMAIN));
            let model = draft
                .bias_gelu(SUBJECT)
                .with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]);
            let draft = two_libraries(draft, first, other);
            let draft = with_libraries(draft, model, &[FIRST, OTHER]);
            Ok(served(loads_and_computes(draft), &[]))
        },
    )
}

fn other_version() -> Arrangement {
    Arrangement::new(
        "other-version",
        "Two libraries that register plugins of the same names in other versions serve the same \
         model.",
        |draft| {
            let has_versions = draft.framework() == Framework::TensorRt;
            let draft = draft.only(has_versions, absence::NO_VERSIONS)?;
            let draft = one_form::where_all_is_the_same(draft)?;
            let (first, other) = (first(&draft), other(&draft).with_plugin_version("2"));
            let model = draft.bias_gelu(SUBJECT);
            let draft = two_libraries(draft, first, other);
            let draft = with_libraries(draft, model, &[FIRST, OTHER]).answered_by(FIRST);
            Ok(served(loads_and_computes(draft), &[]))
        },
    )
}
