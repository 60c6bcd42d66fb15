//! Libraries that share a namespace but no op, and libraries that share ops but no namespace.

use runtimes::Framework;
use test_ops::{DataType, DEFAULT_DOMAIN, Op};

use super::arrangement::{Arrangement, FIRST, OTHER, SECOND, sample, two_libraries, with_libraries};
use crate::arrangement::Step;
use crate::making::{SUBJECT, VENDOR_DOMAIN};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![
        Arrangement::new("same-namespace", "Two libraries register other ops in the same domain or namespace.", |draft| {
            let has = draft.framework() != Framework::TensorFlow;
            let draft = draft.only(has, "TensorFlow's ops have no namespaces")?;
            let draft = two_libraries(draft, sample(1).with_ops(&[Op::BiasGelu]), sample(2).with_ops(&[Op::RmsNorm]));
            let subject = draft.bias_gelu(SUBJECT);
            let second = draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32);
            let draft = with_libraries(draft, subject, &[FIRST, OTHER]).answered_by(FIRST);
            let draft = if draft.route().is_launch() { draft.model(second, &[]) } else { with_libraries(draft, second, &[FIRST, OTHER]) };
            Ok(draft.answered_by(OTHER).steps([Step::Load(SUBJECT), Step::Load(SECOND), Step::Compute(SUBJECT), Step::Compute(SECOND)])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        }),
        Arrangement::new("other-namespace", "Two libraries register ops of the same names in other domains or namespaces.", |draft| {
            let has = draft.framework() != Framework::TensorFlow;
            let draft = draft.only(has, "TensorFlow's ops have no namespaces")?;
            let draft = two_libraries(draft, sample(1), sample(2).with_domain(VENDOR_DOMAIN));
            let subject = draft.bias_gelu(SUBJECT).with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]);
            Ok(with_libraries(draft, subject, &[FIRST, OTHER]).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        }),
        Arrangement::new("other-version", "Two libraries register plugins of the same names in other versions.", |draft| {
            let has = draft.framework() == Framework::TensorRt;
            let draft = draft.only(has, "only TensorRT's ops have a version")?;
            let draft = two_libraries(draft, sample(1), sample(2).with_plugin_version("2"));
            let subject = draft.bias_gelu(SUBJECT);
            Ok(with_libraries(draft, subject, &[FIRST, OTHER]).answered_by(FIRST).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        }),
    ]
}
