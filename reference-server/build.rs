//! Compiles the calls that no C++ exception leaves.

fn main() {
    const SOURCES: [&str; 2] = [
        "src/worker/exception_barrier.c",
        "src/worker/tensorflow/barrier.c",
    ];
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    cc::Build::new()
        .files(SOURCES)
        // The search for an exception's handler ends at a frame without unwind tables.
        .flag("-fno-asynchronous-unwind-tables")
        .flag("-fno-unwind-tables")
        // The frames have to be there.
        .flag("-fno-optimize-sibling-calls")
        .warnings_into_errors(true)
        .compile("exception_barrier");
}
