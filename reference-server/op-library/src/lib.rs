//! Static facts about one op library, and what they mean for a runtime.
