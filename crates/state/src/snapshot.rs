//! Our own snapshot form.
