//! The Raft engine, the segmented log and snapshot files, group commit.
