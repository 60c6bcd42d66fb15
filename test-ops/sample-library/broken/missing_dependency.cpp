// Needs a shared object that is nowhere to be found.

extern "C" int absent_dependency_version();

extern "C" int sample_library_dependency_version() { return absent_dependency_version(); }
