//! Kernels that do not fit the schemas of their ops, in libraries that this machine's compiler made, with
//! and without optimisation and symbols.

use op_library::{Finding, FindingId, inspect};
use runtimes::{Framework, Runtime};

use crate::toolchain::Toolchain;

/// At the first level compilers put the code that runs after an exception in between, behind which
/// nothing is known of an object that was begun before.
const LEVELS: [&str; 3] = ["-O0", "-O2", "-O3"];

/// PyTorch's registration as its header has it: a kernel's type is kept beside the kernel.
const HEADER: &str = r#"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <variant>
#include <vector>
namespace at { struct Tensor { Tensor(const Tensor&); ~Tensor(); void* implementation; }; }
namespace c10 {
enum class DispatchKey : uint16_t { CPU = 1 };
struct DispatchKeySet { uint64_t bits; };
struct OperatorName { std::string name, overload_name; };
struct FunctionSchema { FunctionSchema(FunctionSchema&&); ~FunctionSchema(); void* parts[10]; };
}
namespace torch {
struct CppFunction {
    template <class F> explicit CppFunction(F* f)
        : kernel{reinterpret_cast<void*>(f)}, type(std::type_index(typeid(F))), schema(infer()) {}
    CppFunction() : kernel{} {}
    CppFunction(CppFunction&&) = default;
    ~CppFunction();
    static std::unique_ptr<c10::FunctionSchema> infer();
    std::optional<c10::DispatchKey> key;
    void* kernel[5];
    std::optional<std::type_index> type;
    std::unique_ptr<c10::FunctionSchema> schema;
    std::string debug;
};
using SchemaOrName = std::variant<c10::OperatorName, c10::FunctionSchema>;
namespace jit {
c10::FunctionSchema parseSchema(const std::string&, bool);
SchemaOrName parseSchemaOrName(const std::string&, bool);
}
struct Library {
    enum Kind { DEF, IMPL, FRAGMENT };
    Library(Kind, std::string ns, std::optional<c10::DispatchKey>, const char* file, uint32_t line);
    Library& _def(c10::FunctionSchema&&, c10::OperatorName* = nullptr) &;
    Library& _def(SchemaOrName&&, CppFunction&&, const std::vector<int>& = {}) &;
    Library& _impl(const char* name, CppFunction&&) &;
    Library& def(const char* schema) & { return _def(jit::parseSchema(schema, false)); }
    template <class F> Library& def(const char* schema, F* f) & {
        CppFunction function(f);
        return _def(jit::parseSchemaOrName(schema, false), std::move(function));
    }
    template <class F> Library& impl(const char* name, F* f) & {
        CppFunction function(f);
        return _impl(name, std::move(function));
    }
    Library& impl(const char* name, CppFunction&& function) & {
        return _impl(name, std::move(function));
    }
    void* parts[8];
};
namespace detail {
struct TorchLibraryInit {
    Library library;
    TorchLibraryInit(Library::Kind kind, void (*fill)(Library&), const char* ns,
                     std::optional<c10::DispatchKey> key, const char* file, uint32_t line)
        : library(kind, ns, key, file, line) { fill(library); }
};
}
}
"#;

/// What the header declares.
const RUNTIME: &str = r#"
namespace at { Tensor::Tensor(const Tensor&) {} Tensor::~Tensor() {} }
namespace c10 {
FunctionSchema::FunctionSchema(FunctionSchema&&) {}
FunctionSchema::~FunctionSchema() {}
}
namespace torch {
CppFunction::~CppFunction() {}
std::unique_ptr<c10::FunctionSchema> CppFunction::infer() { return nullptr; }
namespace jit {
c10::FunctionSchema parseSchema(const std::string&, bool) { throw 0; }
SchemaOrName parseSchemaOrName(const std::string&, bool) { throw 0; }
}
Library::Library(Kind, std::string, std::optional<c10::DispatchKey>, const char*, uint32_t) {}
Library& Library::_def(c10::FunctionSchema&&, c10::OperatorName*) & { return *this; }
Library& Library::_def(SchemaOrName&&, CppFunction&&, const std::vector<int>&) & { return *this; }
Library& Library::_impl(const char*, CppFunction&&) & { return *this; }
}
"#;

/// Ops and their kernels, with `GELU`, `SPLIT` and `NORM` for types that fit or do not.
const LIBRARY: &str = r#"
using at::Tensor;
static Tensor gelu(const Tensor& x, const Tensor& bias, GELU) { return x; }
static std::tuple<Tensor, Tensor> split(const Tensor& x, int64_t n) { return {x, x}; }
static Tensor norm(const Tensor& x, const std::optional<Tensor>& weight, double epsilon) { return x; }
static Tensor of_a_class(const Tensor& x, std::vector<void*> cells) { return x; }
static void define(torch::Library& m) {
    m.def("gelu(Tensor x, Tensor bias, str approximate='none') -> Tensor");
    m.def("split(Tensor x, int n) -> SPLIT");
    m.def("norm(Tensor x, Tensor? weight, NORM epsilon=1e-05) -> Tensor", &norm);
    m.def("inferred", &split);
    m.def("of_a_class(Tensor x, __torch__.torch.classes.ops.Cell[] cells) -> Tensor", &of_a_class);
    m.def("boxed(Tensor x) -> int[]");
}
static torch::detail::TorchLibraryInit definition(
    torch::Library::DEF, define, "ops", std::nullopt, __FILE__, __LINE__);
static void implement(torch::Library& m) {
    m.impl("gelu", &gelu);
    m.impl("boxed", torch::CppFunction());
    m.impl("split", &split);
    m.impl("boxed", torch::CppFunction());
    m.impl("other::gelu", &split);
}
static torch::detail::TorchLibraryInit implementation(
    torch::Library::IMPL, implement, "ops", c10::DispatchKey::CPU, __FILE__, __LINE__);
"#;

/// Inspects the library that is made with these types against its runtime.
fn findings(
    tools: &Toolchain,
    runtime: &Runtime,
    [gelu, split, norm]: [&str; 3],
    options: &[&str],
) -> Vec<Finding> {
    let source = LIBRARY
        .replace("GELU", gelu)
        .replace("SPLIT", split)
        .replace("NORM", norm);
    let link: Vec<String> = runtime
        .link_arguments()
        .into_iter()
        .map(|argument| argument.into_string().expect("UTF-8"))
        // The stand-in for PyTorch is one library.
        .filter(|argument| argument != "-l:libc10.so")
        .collect();
    let link = link.iter().map(String::as_str);
    let options: Vec<&str> = ["-std=c++17"]
        .iter()
        .chain(options)
        .copied()
        .chain(link)
        .collect();
    let path = tools.cpp("libops.so", &format!("{HEADER}{source}"), &options);
    let library = inspect(&path).expect("a file");
    let findings = library.findings_for(runtime).into_iter();
    // The stand-in passes for an older release.
    let findings = findings.filter(|finding| finding.id != FindingId::OtherTypeLayout);
    findings.collect()
}

#[test]
fn kernels_that_fit_and_others_are_told_apart_however_they_are_compiled() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(
        Framework::PyTorch,
        "libtorch_cpu.so",
        &format!("{HEADER}{RUNTIME}"),
    );
    for level in LEVELS {
        for strip in [&[][..], &["-s", "-fvisibility=hidden"]] {
            let options: Vec<&str> = [level].iter().chain(strip).copied().collect();
            let fits = ["std::string_view", "(Tensor, Tensor)", "float"];
            assert_eq!(
                findings(&tools, &runtime, fits, &options),
                [],
                "{options:?}"
            );
            let differ = ["double", "Tensor", "Tensor"];
            let findings = findings(&tools, &runtime, differ, &options);
            let expected = [
                "op ops::gelu: argument 3 is 'str approximate' in the schema, and the kernel takes \
                 'double'",
                "op ops::norm: argument 3 is 'Tensor epsilon' in the schema, and the kernel takes \
                 'double'",
                "op ops::split: the schema has 1 result and the kernel returns 2",
            ];
            assert_eq!(findings.len(), expected.len(), "{options:?}: {findings:#?}");
            for (finding, expected) in findings.iter().zip(expected) {
                assert_eq!(finding.id, FindingId::SchemaDisagrees);
                assert!(
                    finding.message.contains(expected),
                    "{options:?}: {}",
                    finding.message
                );
            }
        }
    }
}
