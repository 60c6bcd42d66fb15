//! A model's configuration, as text and as JSON: read or refused, and what was read can be told.
#![no_main]

use std::path::Path;

use fuzz_targets as _;
use libfuzzer_sys::fuzz_target;
use reference_server::configuration::{ModelConfiguration, text_format};

fuzz_target!(|text: &str| {
    let folder = Path::new("/nowhere/m");
    let _ = text_format::parse(text, &folder.join("config.pbtxt"));
    for auto_complete in [false, true] {
        if let Ok(configuration) = ModelConfiguration::from_json(text, folder, "m", auto_complete) {
            let told = configuration.to_json();
            let told = std::str::from_utf8(&told).expect("JSON is UTF-8");
            ModelConfiguration::from_json(told, folder, "m", auto_complete)
                .expect("what the server tells, it reads");
        }
    }
});
