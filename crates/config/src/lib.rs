//! Configuration: raw, merged, validated.
