//! What the server says to flags and files.

use std::fs;

use crate::certificates::{Certificates, Identity, text};
use crate::support::samples::Samples;
use crate::support::server::{Server, run_to_end};

#[test]
fn what_cannot_be_used_ends_the_start_with_flag_and_file() {
    let certificates = Certificates::new();
    let samples = Samples::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    let damaged = file(
        "damaged.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let nothing = file("nothing.pem", "no certificate\n");
    let nowhere = text(&folder.path().join("nowhere.pem")).to_owned();
    let certificate = text(&certificates.certificate(Identity::Server)).to_owned();
    let key = text(&certificates.key(Identity::Server)).to_owned();
    let other_key = text(&certificates.key(Identity::Client)).to_owned();
    for port in ["http", "grpc"] {
        let ssl = format!("--{port}-use-ssl");
        let mutual = format!("--{port}-use-ssl-mutual");
        let with_cert = format!("--{port}-server-cert");
        let with_key = format!("--{port}-server-key");
        let with_root = format!("--{port}-root-cert");
        let refused = |flags: &[&str], words: &[&str]| {
            let all = [&["--model-control-mode", "explicit"], flags].concat();
            let ended = run_to_end(samples.root(), &all);
            assert_eq!(ended.status.code(), Some(1), "{flags:?}\n{}", ended.log);
            let last = ended.log.lines().last().unwrap();
            let missing = words.iter().find(|word| !last.contains(**word));
            assert_eq!(missing, None, "{flags:?}\n{last}");
        };
        // TLS, and not all that it needs.
        refused(&[&ssl], &[&ssl, &with_cert]);
        refused(&[&ssl, &with_cert, &certificate], &[&ssl, &with_key]);
        let whole = [&*with_cert, &certificate, &with_key, &key];
        refused(
            &[&whole[..], &[&mutual]].concat(),
            &[&mutual, &with_root, "authorities"],
        );
        // Files, and no TLS.
        refused(&whole, &[&with_cert, &certificate, &ssl, "in the clear"]);
        let off = format!("{ssl}=false");
        refused(
            &[&off, &with_key, &key],
            &[&with_key, &key, &ssl, "in the clear"],
        );
        // Files that are not there, or are something else.
        let with = |cert: &str, key: &str, words: &[&str]| {
            refused(&[&ssl, &with_cert, cert, &with_key, key], words);
        };
        with(&nowhere, &key, &[&with_cert, &nowhere, "No such file"]);
        with(
            &certificate,
            &nowhere,
            &[&with_key, &nowhere, "No such file"],
        );
        with(&nothing, &key, &[&with_cert, &nothing, "BEGIN CERTIFICATE"]);
        with(&key, &key, &[&with_cert, &key, "BEGIN CERTIFICATE"]);
        with(
            &certificate,
            &nothing,
            &[&with_key, &nothing, "PRIVATE KEY"],
        );
        with(&damaged, &key, &[&with_cert, &damaged]);
        with(
            &certificate,
            &other_key,
            &[
                &with_key,
                &other_key,
                &with_cert,
                &certificate,
                "does not belong",
            ],
        );
        for (roots, word) in [
            (&nothing, "BEGIN CERTIFICATE"),
            (&nowhere, "No such file"),
            (&damaged, "authorities"),
        ] {
            refused(
                &[&whole[..], &[&mutual, &with_root, roots]].concat(),
                &[&with_root, roots, word],
            );
        }
    }
}

#[test]
fn what_only_looks_wrong_is_told_in_the_log() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let certificate = certificates.certificate(Identity::Expired);
    let authority = certificates.authority();
    let server = Server::start(
        samples.root(),
        &[
            "--grpc-use-ssl",
            "--grpc-server-cert",
            text(&certificate),
            "--grpc-server-key",
            text(&certificates.key(Identity::Expired)),
            "--grpc-root-cert",
            text(&authority),
        ],
    );
    let log = server.log();
    let warned = |words: &[&str]| {
        log.lines()
            .any(|line| line.contains("WARN") && words.iter().all(|word| line.contains(word)))
    };
    let expired = [
        "--grpc-server-cert",
        text(&certificate),
        "expired",
        "days ago",
    ];
    assert!(warned(&expired), "{log}");
    let useless = [
        "--grpc-root-cert",
        text(&authority),
        "--grpc-use-ssl-mutual",
    ];
    assert!(warned(&useless), "{log}");
    assert!(log.contains("gRPC is served over TLS alone"), "{log}");
}

#[test]
fn flags_of_a_port_that_is_closed_do_not_matter() {
    let samples = Samples::with_small();
    Server::start(samples.root(), &["--allow-grpc=false", "--grpc-use-ssl"]);
}
