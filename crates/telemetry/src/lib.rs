//! Metric table, intervals, sinks, log formats, monitor stream.
