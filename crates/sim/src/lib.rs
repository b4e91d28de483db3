//! Seeded simulation of consensus clusters.
