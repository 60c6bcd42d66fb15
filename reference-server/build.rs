//! Compiles the calls that no C++ exception leaves.

fn main() {
    const SOURCE: &str = "src/worker/exception_barrier.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    cc::Build::new()
        .file(SOURCE)
        // The search for an exception's handler ends at a frame without unwind tables.
        .flag("-fno-asynchronous-unwind-tables")
        .flag("-fno-unwind-tables")
        // The frames have to be there.
        .flag("-fno-optimize-sibling-calls")
        .warnings_into_errors(true)
        .compile("exception_barrier");
}
