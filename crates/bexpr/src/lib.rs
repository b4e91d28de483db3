//! The ?filter= expression language, over any Selector.
