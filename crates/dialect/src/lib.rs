//! Go-isms: record descriptions with their msgpack and JSON codecs, durations, times, HCL 1.
