//! Symbol names as a person reads them.

use cpp_demangle::{DemangleOptions, Symbol};

/// The C++ name of a mangled symbol; any other name as it is.
pub(crate) fn demangle(name: &str) -> String {
    parse(name, &DemangleOptions::new()).unwrap_or_else(|| name.to_owned())
}

/// The name of a C++ function without its parameters; `None` for any other name.
pub(crate) fn without_parameters(name: &str) -> Option<String> {
    parse(name, &DemangleOptions::new().no_params().no_return_type())
}

fn parse(name: &str, options: &DemangleOptions) -> Option<String> {
    // Rust's legacy mangling looks like C++ to the demangler; it ends in a hash of 17 characters.
    if !name.starts_with("_Z") {
        return None;
    }
    Symbol::new(name).ok()?.demangle_with_options(options).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cpp_names_are_demangled_and_others_kept() {
        assert_eq!(
            demangle("_ZN3ops4geluEfRKSs"),
            "ops::gelu(float, std::string const&)"
        );
        assert_eq!(demangle("cblas_sgemm"), "cblas_sgemm");
        assert_eq!(
            without_parameters("_ZN3ops4geluEf").as_deref(),
            Some("ops::gelu")
        );
        assert_eq!(without_parameters("gelu"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_demangled_or_kept(name in "(_Z)?[A-Z0-9a-z_.]{0,60}") {
            prop_assert!(name.is_empty() || !demangle(&name).is_empty());
        }
    }
}
