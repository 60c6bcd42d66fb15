//! Libraries that register names the way their frameworks' macros do, for tests that read them.

/// PyTorch's registration as its header has it, and a library that uses it.
pub const PYTORCH: &str = r#"
#include <cstdint>
#include <optional>
#include <string>
namespace c10 {
enum class DispatchKey : uint16_t { CPU = 1 };
struct FunctionSchema { ~FunctionSchema(); void* parts[8]; };
}
namespace torch {
struct CppFunction { CppFunction(void (*)()); ~CppFunction(); void* parts[8]; };
struct Library {
    enum Kind { DEF, IMPL, FRAGMENT };
    Library(Kind, std::string ns, std::optional<c10::DispatchKey>, const char* file, uint32_t line);
    Library& _def(c10::FunctionSchema&&) &;
    Library& _impl(const char* name, CppFunction&&) &;
    Library& def(const char* schema) &;
    Library& impl(const char* name, void (*f)()) & { return _impl(name, CppFunction(f)); }
    void* parts[8];
};
namespace jit { c10::FunctionSchema parseSchema(const std::string&, bool); }
inline Library& Library::def(const char* schema) & { return _def(jit::parseSchema(schema, false)); }
namespace detail {
struct TorchLibraryInit {
    Library library;
    TorchLibraryInit(Library::Kind kind, void (*fill)(Library&), const char* ns,
                     std::optional<c10::DispatchKey> key, const char* file, uint32_t line)
        : library(kind, ns, key, file, line) { fill(library); }
};
}
}
static void kernel() {}
static void define(torch::Library& m) {
    m.def("modulo(Tensor x, int divisor) -> Tensor");
    m.def("a_name_that_is_longer_than_a_short_string.out(Tensor x, *, Tensor(a!) out) -> Tensor(a!)");
}
static torch::detail::TorchLibraryInit definition(
    torch::Library::DEF, define, "sample_ops", std::nullopt, __FILE__, __LINE__);
static void add(torch::Library& m) { m.def("other_ops::gelu(Tensor x) -> Tensor"); }
static torch::detail::TorchLibraryInit fragment(
    torch::Library::FRAGMENT, add, "other_ops", std::nullopt, __FILE__, __LINE__);
static void implement(torch::Library& m) { m.impl("modulo", kernel); }
static torch::detail::TorchLibraryInit implementation(
    torch::Library::IMPL, implement, "sample_ops", c10::DispatchKey::CPU, __FILE__, __LINE__);
"#;

/// PyTorch's stable C interface.
pub const PYTORCH_STABLE: &str = r#"
extern "C" int aoti_torch_library_init_def(const char*, const char*, unsigned, void**);
extern "C" int aoti_torch_library_init_fragment(const char*, const char*, unsigned, void**);
extern "C" int aoti_torch_library_def(void*, const char*);
extern "C" int aoti_torch_library_impl(void*, const char*, void (*)());
static void kernel() {}
struct Registration {
    Registration() {
        void* library = nullptr;
        aoti_torch_library_init_def("stable_ops", __FILE__, __LINE__, &library);
        aoti_torch_library_def(library, "modulo(Tensor x) -> Tensor");
        aoti_torch_library_impl(library, "modulo", kernel);
    }
} registration;
"#;

/// TensorFlow's registration.
pub const TENSORFLOW: &str = r#"
#include <string>
namespace tensorflow {
struct OpDefBuilder {
    explicit OpDefBuilder(std::string name);
    OpDefBuilder& Input(std::string);
    OpDefBuilder& Attr(std::string);
    void* parts[8];
};
namespace register_op {
struct OpDefBuilderWrapper {
    explicit OpDefBuilderWrapper(const char* name) : builder(name) {}
    OpDefBuilderWrapper& Input(std::string spec) { builder.Input(std::move(spec)); return *this; }
    OpDefBuilderWrapper& Attr(std::string spec) { builder.Attr(std::move(spec)); return *this; }
    OpDefBuilder builder;
};
}
struct KernelDefBuilder { explicit KernelDefBuilder(const char* op); void* parts[8]; };
namespace register_kernel {
struct Name : KernelDefBuilder { explicit Name(const char* op) : KernelDefBuilder(op) {} };
}
}
static auto first = tensorflow::register_op::OpDefBuilderWrapper("Modulo").Input("x: float");
static auto second = tensorflow::register_op::OpDefBuilderWrapper("Sample>BiasGeluWithALongName")
    .Input("x: T").Attr("T: {float, half}");
static tensorflow::register_kernel::Name kernel("Modulo");
"#;

/// TensorRT's interface of plugin creators, and two of them.
pub const TENSORRT: &str = r#"
extern "C" void* getPluginRegistry();
namespace nvinfer1 {
struct IPluginCreator {
    virtual int getTensorRTVersion() const noexcept { return 8600; }
    virtual const char* getPluginName() const noexcept = 0;
    virtual const char* getPluginVersion() const noexcept = 0;
    virtual const void* getFieldNames() noexcept = 0;
    virtual void setPluginNamespace(const char*) noexcept = 0;
    virtual const char* getPluginNamespace() const noexcept = 0;
    virtual ~IPluginCreator() = default;
};
}
namespace {
struct Base : nvinfer1::IPluginCreator {
    const void* getFieldNames() noexcept override { return nullptr; }
    void setPluginNamespace(const char* ns) noexcept override { space = ns; }
    const char* getPluginNamespace() const noexcept override { return space; }
    const char* space = "";
};
struct Modulo final : Base {
    const char* getPluginName() const noexcept override { return "Modulo"; }
    const char* getPluginVersion() const noexcept override { return "1"; }
};
struct Gelu final : Base {
    const char* getPluginName() const noexcept override { return "Gelu"; }
    const char* getPluginVersion() const noexcept override { return "2"; }
};
Modulo modulo;
Gelu gelu;
void* registry = getPluginRegistry();
}
nvinfer1::IPluginCreator* creators[] = {&modulo, &gelu};
"#;

/// A part of ONNX Runtime's table of functions, and the entry point of a library that uses it.
pub const ONNXRUNTIME: &str = r#"
struct OrtApi { void* before[26]; void* (*CreateCustomOpDomain)(const char*, void**); };
struct OrtApiBase { const OrtApi* (*GetApi)(unsigned); };
extern "C" __attribute__((visibility("default")))
void* RegisterCustomOps(void*, const OrtApiBase* base) {
    void* domain = nullptr;
    return base->GetApi(17)->CreateCustomOpDomain("sample.ops", &domain);
}
"#;
