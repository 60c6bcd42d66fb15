// A static data member of a class template: the compiler makes its symbol STB_GNU_UNIQUE, and the
// dynamic loader never unmaps the library that defines it.

template <typename Value>
struct Registry {
    static Value entries;
};

template <typename Value>
Value Registry<Value>::entries = {};

// Some code must refer to the symbol: the loader pins a library when it resolves one.
extern "C" int sample_ops_registry_entries() { return ++Registry<int>::entries; }
