//! Which worker a model belongs to: the isolation policy is a grouping rule, nothing else.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use runtimes::RuntimeName;

use super::options::Isolation;
use super::worker::{Limits, Worker};
use super::worker_process::Launch;

/// Identity of an op library: a digest of its content.
pub type ContentHash = String;

/// What models of one worker have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    /// `None` for the worker that holds the default runtime of every framework.
    runtime: Option<RuntimeName>,
    op_set: Option<Vec<ContentHash>>,
    model: Option<(String, i64)>,
    /// `LD_PRELOAD`: a process gets it once.
    preload: Vec<PathBuf>,
}

impl Group {
    fn of(isolation: Isolation, tenant: &Tenant<'_>, launch: &Launch) -> Self {
        let is_shared = isolation == Isolation::Shared && tenant.is_default;
        Self {
            runtime: (!is_shared).then_some(tenant.runtime),
            op_set: isolation
                .separates_op_sets()
                .then(|| tenant.op_set.to_vec()),
            model: matches!(isolation, Isolation::Model)
                .then(|| (tenant.model.to_owned(), tenant.version)),
            preload: launch.preload.clone(),
        }
    }
}

/// A model version that needs a worker.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    /// The runtime that serves it.
    pub runtime: RuntimeName,
    /// Whether that is the default of its framework. A process holds one runtime of a framework.
    pub is_default: bool,
    /// All op libraries that it sees, in order.
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

    /// The worker for a model; a new one is started as `launch` says, which leaves its name open.
    /// It lives as long as somebody holds it.
    pub fn worker_for(&self, tenant: &Tenant<'_>, launch: Launch) -> Arc<Worker> {
        let group = Group::of(self.isolation, tenant, &launch);
        let mut groups = self.groups.lock();
        groups.retain(|_, worker| worker.strong_count() > 0);
        if let Some(worker) = groups.get(&group).and_then(Weak::upgrade) {
            return worker;
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let launch = Launch {
            name: format!("worker-{number}"),
            ..launch
        };
        let worker = Worker::new(launch, self.limits);
        groups.insert(group, Arc::downgrade(&worker));
        if !self.isolation.separates_op_sets() {
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

    fn group(isolation: Isolation, runtime: &str, set: &[&str], model: &str) -> Group {
        let op_set: Vec<ContentHash> = set.iter().map(|&hash| hash.to_owned()).collect();
        Group::of(
            isolation,
            &Tenant {
                runtime: runtime.parse().unwrap(),
                is_default: ["onnxruntime-1.32.0", "pytorch-2.11.0"].contains(&runtime),
                op_set: &op_set,
                model,
                version: 1,
            },
            &Launch {
                name: String::new(),
                library_path: Vec::new(),
                preload: Vec::new(),
                pinned_memory: 0,
            },
        )
    }

    #[test]
    fn each_policy_groups_as_it_says() {
        use Isolation::*;
        let of = |policy, set: &[&str], model| group(policy, "onnxruntime-1.32.0", set, model);
        for policy in [Shared, Backend] {
            assert_eq!(of(policy, &["a"], "m"), of(policy, &["b"], "n"));
        }
        assert_eq!(of(OpSet, &["a", "b"], "m"), of(OpSet, &["a", "b"], "n"));
        assert_ne!(of(OpSet, &["a", "b"], "m"), of(OpSet, &["b", "a"], "m"));
        assert_ne!(of(Model, &["a"], "m"), of(Model, &["a"], "n"));
        assert_ne!(of(Model, &["a"], "m"), of(Model, &["b"], "m"));
    }

    #[test]
    fn frameworks_meet_in_the_shared_worker_alone_and_runtimes_of_one_framework_nowhere() {
        use Isolation::*;
        let of = |policy, runtime| group(policy, runtime, &[], "m");
        let (first, second) = ("onnxruntime-1.32.0", "pytorch-2.11.0");
        assert_eq!(of(Shared, first), of(Shared, second));
        for policy in [Backend, OpSet, Model] {
            assert_ne!(of(policy, first), of(policy, second));
        }
        for policy in [Shared, Backend, OpSet, Model] {
            assert_ne!(of(policy, first), of(policy, "onnxruntime-1.27.0"));
        }
    }
}
