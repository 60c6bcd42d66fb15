// Stands in for a dependency while a library is linked, and is not there when it is loaded.

extern "C" int absent_dependency_version() { return 1; }
