//! ozmap
