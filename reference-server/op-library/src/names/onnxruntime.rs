//! ONNX Runtime: the domains that an op library makes.

use runtimes::Framework;

use super::{NameSource, RegisteredKind, RegisteredName};
use crate::code::{Callee, Program, Text, Value, Watch, calls};

/// Distance of `CreateCustomOpDomain` from the beginning of the table of functions, `OrtApi`.
///
/// Source: `onnxruntime_c_api.h`; the table only ever grows at its end.
const CREATE_CUSTOM_OP_DOMAIN: u64 = 26 * 8;

/// The domains that are made with a constant name.
pub(super) fn read(program: &Program<'_>) -> Vec<RegisteredName> {
    let watch = Watch {
        named: &|_: &str| None,
        member: Some((CREATE_CUSTOM_OP_DOMAIN, ())),
        text: &|()| {
            Some(Text {
                parameter: 0,
                wrapped: 0,
            })
        },
        object: &|()| None,
        makes: &|()| false,
    };
    calls(program, &watch)
        .into_iter()
        .filter_map(|call| {
            let text = match call.callee {
                // Another table's member at that distance has other parameters: the second is where
                // the domain goes.
                Callee::Watched(()) if call.parameters[1] == Value::Unknown => return None,
                Callee::Watched(()) => 0,
                Callee::Wrapper { text, .. } => text,
                Callee::Function(_) => return None,
            };
            let name = call.texts[text].clone().filter(|text| is_domain(text))?;
            Some(RegisteredName {
                framework: Framework::OnnxRuntime,
                kind: RegisteredKind::Domain,
                domain: None,
                name,
                version: None,
                source: NameSource::Code,
            })
        })
        .collect()
}

/// A domain as people name them: words with dots between them.
fn is_domain(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    text.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_told_from_other_texts() {
        for domain in ["ai.onnx.contrib", "com.microsoft", "custom-ops", "mmdeploy"] {
            assert!(is_domain(domain), "{domain}");
        }
        for text in ["", "a..b", "a message", "%s", "/path/to"] {
            assert!(!is_domain(text), "{text}");
        }
    }
}
