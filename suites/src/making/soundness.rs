//! What holds for every case of every suite.

use std::collections::HashSet;

use test_ops::Library;

use crate::case::Case;

/// Checks one case.
///
/// # Panics
/// It contradicts itself.
pub fn assert_sound(case: &Case) {
    let prefix = format!("{}/{}/{}/", case.suite, case.framework, case.path);
    assert!(case.id.starts_with(&prefix), "{}", case.id);
    assert!(case.description.ends_with('.'), "{}", case.id);
    let arrangement = &case.arrangement;
    assert!(!arrangement.steps.is_empty(), "{}", case.id);
    let files = &arrangement.libraries;
    let libraries: HashSet<&str> = files.iter().map(|file| file.name).collect();
    assert_eq!(libraries.len(), files.len(), "{}", case.id);
    for model in &arrangement.models {
        let named = model.libraries.iter().map(|(library, _)| library);
        for library in named.chain(&model.answered_by) {
            assert!(libraries.contains(library), "{}: {library}", case.id);
        }
    }
    for library in &arrangement.launch.libraries {
        assert!(libraries.contains(library.name), "{}", case.id);
        assert!(library.route.is_launch(), "{}", case.id);
    }
    for file in files {
        if let Some(content) = &file.content {
            let library = Library::new(file.framework, content.clone());
            assert!(library.exists(), "{}: {library:?}", case.id);
        }
    }
}
