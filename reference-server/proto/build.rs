//! Generates the message types, the services and the descriptors from `proto/`, without a protoc on
//! the machine.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    const SOURCES: [&str; 3] = ["model_config.proto", "grpc_service.proto", "health.proto"];
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");

    let descriptors = protox::compile(SOURCES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // `Bytes` shares a tensor's memory with the buffer that it arrived in, and with the arena that it
    // is sent from.
    tonic_prost_build::configure()
        .btree_map(".")
        .bytes(".inference")
        .compile_fds(descriptors)?;
    Ok(())
}
