//! The HTTP door: parse, call a port, render.
