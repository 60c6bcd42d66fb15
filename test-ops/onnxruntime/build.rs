//! Asks the linker for a build identifier, which tells one build of the library from another.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,--build-id=sha1");
}
