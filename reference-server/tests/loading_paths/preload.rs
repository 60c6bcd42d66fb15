//! `LD_PRELOAD` and `--preload`.

use runtimes::Framework;
use test_ops::{Broken, Sample};

use crate::support::deadline::wait_until;
use crate::support::inference::assert_serves;
use crate::support::samples::{default_runtime, small};
use crate::support::server::{Server, run_to_end, run_to_end_in};
use crate::{Bare, environment_names, maps};

#[test]
fn a_library_in_ld_preload_serves_all_models_and_the_front_stays_clean() {
    let bare = Bare::new();
    // What `LD_PRELOAD=libops.so:${LD_PRELOAD}` gives where the variable was not set.
    let list = format!("{}:", bare.library());
    let server = Server::start_in(bare.root(), &[], &[("LD_PRELOAD", &list)]);
    assert_serves(&server, &small());
    let (front, worker) = (server.pid(), server.worker_of("small"));
    assert!(!maps(front, "libops.so"));
    assert!(!environment_names(front, "libops.so"));
    assert!(maps(worker, "libops.so"));
    assert_eq!(server.fact("small", "op_libraries"), bare.library());
    let name = std::fs::read_to_string(format!("/proc/{front}/comm")).unwrap();
    assert!(name.starts_with("reference-serv"), "{name}");
}

#[test]
fn a_bare_name_is_found_on_the_library_path() {
    let bare = Bare::new();
    let path = ("LD_LIBRARY_PATH", bare.outside());
    let server = Server::start_in(bare.root(), &[], &[path, ("LD_PRELOAD", "libops.so")]);
    assert_serves(&server, &small());
    assert_eq!(server.fact("small", "op_libraries"), bare.library());
    drop(server);

    let server = Server::start_in(bare.root(), &["--preload", "libops.so"], &[path]);
    assert_serves(&server, &small());
    assert!(maps(server.worker_of("small"), "libops.so"));
}

#[test]
fn an_entry_that_the_dynamic_loader_ignored_is_noticed() {
    let bare = Bare::new();
    let list = format!("libabsent_ops.so {}", bare.library());
    let environment = [("LD_PRELOAD", list.as_str())];
    let ended = run_to_end_in(bare.root(), &[], &environment);
    assert_eq!(ended.status.code(), Some(1));
    for text in [
        "the dynamic loader ignored 'libabsent_ops.so' of LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "--exit-on-error=false",
    ] {
        assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
    }

    let flags = ["--exit-on-error=false"];
    let server = Server::try_start_in(bare.root(), &flags, &environment).unwrap();
    wait_until("the model serves", || {
        server.get("/v2/models/small/ready").status == 200
    });
    assert_serves(&server, &small());
    assert_eq!(server.get("/v2/health/ready").status, 400);
    assert!(server.log().contains("libabsent_ops.so"));
}

#[test]
fn a_library_of_another_kind_goes_into_every_worker_without_complaint() {
    let bare = Bare::new();
    let thread = op_library::locate("libresolv.so.2", &[]).expect("part of the C library");
    let list = format!("{}:{}", thread.display(), bare.library());
    for isolation in ["op-set", "shared"] {
        let flags = ["--preload", &list, "--isolation", isolation];
        let server = Server::start(bare.root(), &flags);
        assert_serves(&server, &small());
        assert!(maps(server.worker_of("small"), "libresolv.so.2"));
        assert_eq!(server.fact("small", "op_libraries"), bare.library());
    }
}

#[test]
fn what_cannot_be_preloaded_ends_the_start_with_the_reason() {
    let bare = Bare::new();
    for (broken, texts) in [
        (Broken::NotElf, &["is not an ELF file"][..]),
        (Broken::MissingDependency, &["libabsent_dependency.so"]),
        (
            Broken::InitializerCrashes,
            &["SIGSEGV", "before its own code ran"],
        ),
        (
            Broken::InitializerAborts,
            &["SIGABRT", "before its own code ran"],
        ),
    ] {
        let library = bare.put("libbroken.so", &broken.into());
        let ended = run_to_end(bare.root(), &["--preload", &library]);
        assert_eq!(ended.status.code(), Some(1), "{broken:?}");
        for text in texts.iter().chain(&[library.as_str()]) {
            assert!(
                ended.log.contains(text),
                "{broken:?}: no {text:?} in {}",
                ended.log
            );
        }
    }
    let library = bare.put("libhanging.so", &Broken::InitializerHangs.into());
    let flags = ["--preload", library.as_str(), "--load-timeout", "2"];
    let ended = run_to_end(bare.root(), &flags);
    assert!(ended.log.contains("--load-timeout"), "{}", ended.log);
    assert!(ended.log.contains("libhanging.so"), "{}", ended.log);
}

#[test]
fn models_of_the_framework_are_unavailable_where_the_server_may_go_on() {
    let bare = Bare::new();
    let library = bare.put("libcrashes.so", &Broken::InitializerCrashes.into());
    let flags = ["--preload", library.as_str(), "--exit-on-error=false"];
    let server = Server::try_start(bare.root(), &flags).unwrap();
    let reason = server.unavailable_reason("small");
    assert!(reason.contains("libcrashes.so"), "{reason}");
    assert!(reason.contains("SIGSEGV"), "{reason}");
    assert_eq!(server.get("/v2/health/ready").status, 400);
}

#[test]
fn a_repaired_library_serves_at_the_next_load() {
    let bare = Bare::new();
    let absent = bare.outside.path().join("libops.so");
    for broken in [Some(Broken::InitializerCrashes), None] {
        match broken {
            Some(broken) => drop(bare.put("libops.so", &broken.into())),
            None => std::fs::remove_file(&absent).unwrap(),
        }
        let flags = [
            "--preload",
            absent.to_str().unwrap(),
            "--exit-on-error=false",
            "--model-control-mode",
            "explicit",
        ];
        let server = Server::try_start(bare.root(), &flags).unwrap();
        for _ in 0..2 {
            let refused = server.load("small");
            assert_eq!(refused.status, 400, "{broken:?}: {}", refused.text());
        }
        bare.put("libops.so", &Sample::default().into());
        assert_eq!(server.load("small").status, 200, "{broken:?}");
        assert_serves(&server, &small());
        assert_eq!(server.get("/v2/health/ready").status, 200, "{broken:?}");
    }
}

#[test]
fn a_library_for_all_models_that_collides_since_it_was_replaced_is_refused() {
    let bare = Bare::new();
    let other = bare.put(
        "libother.so",
        &Sample::default().with_domain("other").into(),
    );
    let list = format!("{}:{other}", bare.library());
    let server = Server::start_explicit(bare.root(), &["--preload", &list]);
    assert_serves(&server, &small());
    bare.put("libother.so", &Sample::default().pinned().into());
    let refused = server.load("small");
    assert_eq!(refused.status, 400);
    for text in ["collide", "libother.so"] {
        assert!(refused.text().contains(text), "{}", refused.text());
    }
    // What served goes on.
    assert_serves(&server, &small());
}

/// Compiles a library in C outside of the repository.
fn compile(bare: &Bare, name: &str, text: &str, linked: &[std::ffi::OsString]) -> String {
    let source = bare.outside.path().join(format!("{name}.c"));
    let library = bare.outside.path().join(name);
    std::fs::write(&source, text).unwrap();
    let mut arguments: Vec<std::ffi::OsString> = ["-shared", "-fPIC", "-o"].map(Into::into).into();
    arguments.push(library.clone().into());
    arguments.extend(["-x", "c"].map(Into::into));
    arguments.push(source.into());
    arguments.extend(["-x", "none", "-Wl,--no-as-needed"].map(Into::into));
    arguments.extend_from_slice(linked);
    runtimes::Compiler::find().unwrap().run(&arguments).unwrap();
    library.to_str().unwrap().to_owned()
}

/// It has the entry point of ONNX Runtime and needs a library of PyTorch.
#[test]
fn a_library_that_joins_two_frameworks_goes_to_the_one_that_can_take_it() {
    let bare = Bare::new();
    let runtime = default_runtime(Framework::PyTorch);
    let needed = runtime.main_library.with_file_name("libc10.so");
    let text = "void *RegisterCustomOps(void *options, void *api) {\n  \
                (void)options; (void)api; return 0;\n}\n";
    let both = compile(&bare, "libboth.so", text, &[needed.into()]);
    let list = format!("{both}:{}", bare.library());
    let server = Server::start(bare.root(), &["--preload", &list]);
    assert_serves(&server, &small());
    assert!(!maps(server.worker_of("small"), "libboth.so"));
    let told = format!(
        "'{both}' is preloaded into workers of {} and registers no op there",
        runtime.name
    );
    wait_until(&told, || server.log().contains(&told));
}

#[test]
fn symbols_of_a_preloaded_library_of_another_kind_are_there_for_op_libraries() {
    let bare = Bare::new();
    let text = "void *provided(void) { return 0; }\n";
    let provides = compile(&bare, "libprovides.so", text, &[]);
    let text = "void *provided(void);\nvoid *RegisterCustomOps(void *options, void *api) {\n  \
                (void)options; (void)api; return provided();\n}\n";
    let uses = compile(&bare, "libuses.so", text, &[]);
    let plugins = format!("--backend-config=onnxruntime,plugins={uses}");
    let ended = run_to_end(bare.root(), &[&plugins]);
    assert!(
        ended.log.contains("undefined symbol provided"),
        "{}",
        ended.log
    );
    // It is opened, and says itself what it does not do.
    let ended = run_to_end(bare.root(), &["--preload", &provides, &plugins]);
    assert!(ended.log.contains("registered no ops"), "{}", ended.log);
}

#[test]
fn a_replaced_library_is_used_at_the_next_load() {
    let bare = Bare::new();
    let library = bare.library();
    let server = Server::start_explicit(bare.root(), &["--preload", &library]);
    let first = server.worker_of("small");
    bare.put("libops.so", &Sample::default().with_domain("other").into());
    let refused = server.load("small");
    assert_eq!(refused.status, 400, "{}", refused.text());
    // What served goes on.
    assert_serves(&server, &small());
    assert_eq!(server.worker_of("small"), first);
    bare.put("libops.so", &Sample::default().pinned().into());
    assert_eq!(server.load("small").status, 200);
    assert_serves(&server, &small());
    assert_ne!(server.worker_of("small"), first);
}

/// A library that nothing tells the framework of goes into every worker, so it is tried alone.
#[test]
fn a_library_of_another_kind_that_fails_ends_the_start_too() {
    let bare = Bare::new();
    let source = bare.outside.path().join("aborts.c");
    let library = bare.outside.path().join("libaborts.so");
    let text = "#include <stdlib.h>\n__attribute__((constructor)) static void go() { abort(); }\n";
    std::fs::write(&source, text).unwrap();
    let mut arguments: Vec<std::ffi::OsString> = vec!["-x".into(), "c".into()];
    arguments.extend([
        source.into(),
        "-shared".into(),
        "-o".into(),
        library.clone().into(),
    ]);
    runtimes::Compiler::find().unwrap().run(&arguments).unwrap();
    let library = library.to_str().unwrap();
    let ended = run_to_end(bare.root(), &["--preload", library]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.log.contains("SIGABRT") && ended.log.contains(library),
        "{}",
        ended.log
    );

    let flags = [
        "--preload",
        library,
        "--backend-config",
        "onnxruntime,plugins=",
        "--exit-on-error=false",
    ];
    let server = Server::try_start(bare.root(), &flags).unwrap();
    let reason = server.unavailable_reason("small");
    assert!(reason.contains("BiasGelu"), "{reason}");
    assert_eq!(server.get("/v2/health/ready").status, 400);
    assert!(server.log().contains("libaborts.so"));
}
