//! Which worker a model belongs to: the isolation policy is a grouping rule, nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use runtimes::{Runtime, RuntimeName};

use super::options::Isolation;
use super::worker::{Hosted, Limits, Worker};

/// Identity of an op library: a digest of its content.
pub type ContentHash = String;

/// What models of one worker have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    runtime: RuntimeName,
    op_set: Option<Vec<ContentHash>>,
    model: Option<(String, i64)>,
}

impl Group {
    fn of(isolation: Isolation, tenant: &Tenant<'_>) -> Self {
        Self {
            runtime: tenant.runtime.name,
            op_set: matches!(isolation, Isolation::OpSet | Isolation::Model)
                .then(|| tenant.op_set.to_vec()),
            model: matches!(isolation, Isolation::Model)
                .then(|| (tenant.model.to_owned(), tenant.version)),
        }
    }
}

/// A model version that needs a worker.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    /// The runtime that serves it.
    pub runtime: &'a Runtime,
    /// Its op libraries, in order.
    pub op_set: &'a [ContentHash],
    /// Its model's name.
    pub model: &'a str,
    /// Its version.
    pub version: i64,
}

/// All workers of a server.
pub struct Workers {
    isolation: Isolation,
    limits: Limits,
    started: AtomicU32,
    groups: Mutex<HashMap<Group, Weak<Worker>>>,
    /// Under `shared` and `backend` a worker lives as long as the server.
    kept: Mutex<Vec<Arc<Worker>>>,
}

impl Workers {
    /// No workers yet.
    pub fn new(isolation: Isolation, limits: Limits) -> Self {
        Self {
            isolation,
            limits,
            started: AtomicU32::new(0),
            groups: Mutex::new(HashMap::new()),
            kept: Mutex::new(Vec::new()),
        }
    }

    /// The worker for a model. It lives as long as somebody holds it.
    pub fn worker_for(&self, tenant: &Tenant<'_>) -> Arc<Worker> {
        let group = Group::of(self.isolation, tenant);
        let mut groups = self.groups.lock();
        groups.retain(|_, worker| worker.strong_count() > 0);
        if let Some(worker) = groups.get(&group).and_then(Weak::upgrade) {
            return worker;
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let worker = Worker::new(
            format!("worker-{number}"),
            Hosted {
                framework: tenant.runtime.name.framework,
                runtime: tenant.runtime.name.to_string(),
                library: tenant.runtime.main_library.clone(),
                library_path: tenant.runtime.library_dirs.clone(),
            },
            self.limits,
        );
        groups.insert(group, Arc::downgrade(&worker));
        if matches!(self.isolation, Isolation::Shared | Isolation::Backend) {
            self.kept.lock().push(worker.clone());
        }
        worker
    }

    /// Lets go of the workers that live as long as the server.
    pub fn release(&self) {
        self.kept.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(isolation: Isolation, set: &[&str], model: &str) -> Group {
        let runtime = Runtime {
            name: "onnxruntime-1.32.0".parse().unwrap(),
            main_library: "/r/lib.so".into(),
            library_dirs: vec![],
            package_dir: "/r".into(),
            origin: runtimes::Origin::InPlace,
            size: runtimes::Size::Small,
            include_dirs: vec![],
            bundled: vec![],
            python: None,
        };
        let op_set: Vec<ContentHash> = set.iter().map(|&hash| hash.to_owned()).collect();
        Group::of(
            isolation,
            &Tenant {
                runtime: &runtime,
                op_set: &op_set,
                model,
                version: 1,
            },
        )
    }

    #[test]
    fn each_policy_groups_as_it_says() {
        use Isolation::*;
        for policy in [Shared, Backend] {
            assert_eq!(group(policy, &["a"], "m"), group(policy, &["b"], "n"));
        }
        assert_eq!(
            group(OpSet, &["a", "b"], "m"),
            group(OpSet, &["a", "b"], "n")
        );
        assert_ne!(
            group(OpSet, &["a", "b"], "m"),
            group(OpSet, &["b", "a"], "m")
        );
        assert_ne!(group(Model, &["a"], "m"), group(Model, &["a"], "n"));
        assert_ne!(group(Model, &["a"], "m"), group(Model, &["b"], "m"));
    }
}
